/**
 * The claim of one program on a file. A dead program holds none.
 *
 * A claim is a small file beside the claimed one, with a name of its own. Whoever wants the file puts a claim down first and
 * looks for others then: of two that start at once at least one sees the other. A claim is removed by its owner, or, when
 * that is dead, by whoever finds it, which is no race because nobody ever makes a claim of that name again.
 *
 * The owner is dead when there is no process of its number, or one that has started at another time. Where that cannot be told,
 * because the owner runs in another container or on another machine, a claim counts that its owner keeps touching.
 */
import type { FileSystem } from "@effect/platform"
import { Clock, DateTime, Duration, Effect, Option, Random, Schedule, Schema, type Scope } from "effect"
import * as Folder from "./folder.js"
import { codeOf, fromPlatform, LogFileError } from "./logFileError.js"
import * as Say from "./say.js"

/** Where a process number means something, and who has it. */
const Owner = Schema.parseJson(
  Schema.Struct({
    pid: Schema.Int,
    /** When the process started, in ticks since the machine did. */
    started: Schema.String,
    /** The machine since its last start, and the container. */
    place: Schema.String
  })
)
type Owner = typeof Owner.Type

/** Those of this program, which a process number cannot tell apart. */
const own = new Set<string>()

const patience = Duration.seconds(3)

/** Claims the file until the scope is closed. Fails when another program has it. */
export const make = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, LogFileError, Scope.Scope> =>
  Effect.gen(function* () {
    const me = yield* ownerHere(fs)
    const claim = yield* Effect.acquireRelease(
      // Two that start at once may both step back: they try again at different times.
      Effect.retry(attempt(fs, path, me), whileTaken),
      (claim) => (claim === undefined ? Effect.void : release(fs, claim))
    )
    if (claim === undefined) return
    const touch = Effect.flatMap(Clock.currentTimeMillis, (millis) =>
      fs.utimes(claim, millis / 1000, millis / 1000)
    ).pipe(
      // Somebody has cleared it away.
      Effect.catchAll(() => put(fs, claim, me))
    )
    yield* Effect.forkScoped(Effect.repeat(Effect.ignore(touch), Schedule.spaced("500 millis")))
  })

const whileTaken = Schedule.jittered(Schedule.spaced("100 millis")).pipe(
  Schedule.intersect(Schedule.recurs(4)),
  // One that had to be watched is not about to step back.
  Schedule.upTo("1 second"),
  Schedule.whileInput((error: LogFileError) => error.cause === undefined)
)

/** The path of the claim; nothing where the folder does not let us make one, and so can hold no other's either. */
const attempt = (fs: FileSystem.FileSystem, path: string, me: Owner) =>
  Effect.gen(function* () {
    const random = yield* Random.nextIntBetween(0, 0x100_0000)
    const claim = `${path}.lock-${me.pid}-${random.toString(16).padStart(6, "0")}`
    const written = yield* put(fs, claim, me).pipe(
      Effect.as(true),
      Effect.catchAll((error) =>
        readOnly.includes(codeOf(error)) ? Effect.succeed(false) : fromPlatform(claim)(error)
      )
    )
    if (!written) {
      yield* Say.warning(
        `'${path}' cannot be guarded against a second program, because nothing can be created in its folder`
      )
      return undefined
    }
    own.add(claim)
    const others = yield* othersOf(fs, path, claim, me).pipe(Effect.onError(() => release(fs, claim)))
    if (others.length === 0) return claim
    yield* release(fs, claim)
    return yield* taken(path, others[0]!)
  }).pipe(Effect.uninterruptible)

const put = (fs: FileSystem.FileSystem, claim: string, me: Owner) =>
  fs.writeFileString(claim, Schema.encodeSync(Owner)(me), { flag: "wx", mode: 0o600 })

const readOnly = ["EACCES", "EPERM", "EROFS"]

const release = (fs: FileSystem.FileSystem, claim: string) =>
  Effect.zipRight(
    Effect.sync(() => own.delete(claim)),
    Effect.ignore(fs.remove(claim))
  )

const taken = (path: string, claim: string) =>
  new LogFileError({
    reason: "Claimed",
    path,
    description: `'${path}' is written by another program, as '${claim}' says: end that one, or give this one a file of its own`,
    written: 0
  })

/** The claims of living programs but this one's, with those of dead ones removed. */
const othersOf = (fs: FileSystem.FileSystem, path: string, claim: string, me: Owner) =>
  Effect.gen(function* () {
    const found = yield* Effect.mapError(Folder.beside(fs, path), fromPlatform(path))
    const others = found.filter((other) => other.suffix.startsWith(".lock-") && other.path !== claim)
    return yield* Effect.filter(
      others.map((other) => other.path),
      (other) =>
        Effect.flatMap(isAlive(fs, other, me), (alive) =>
          alive ? Effect.succeed(true) : Effect.as(Effect.ignore(fs.remove(other)), false)
        )
    )
  })

const isAlive = (fs: FileSystem.FileSystem, claim: string, me: Owner): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    if (own.has(claim)) return true
    const owner = yield* Effect.option(Effect.flatMap(fs.readFileString(claim), Schema.decode(Owner)))
    if (Option.isNone(owner)) {
      // Its owner was killed before it had written it, or is about to: then it will see our claim, and step back.
      return isRunning(pidOf(claim)) && (yield* isTouched(fs, claim))
    }
    const { pid, place, started } = owner.value
    if (place !== me.place) return yield* isTouched(fs, claim)
    if (!isRunning(pid) || (yield* startOf(fs, pid)) !== started) return false
    // Of this process: another thread's, or left behind where it could not be removed. And where nobody tells when a process
    // started, the number may have gone to another one.
    return pid === me.pid || started === "" ? yield* isTouched(fs, claim) : true
  })

const pidOf = (claim: string): number => Number(/\.lock-(\d+)-[0-9a-f]+$/.exec(claim)?.[1])

/** Whether the claim changes while we watch. Our clock and that of its owner may differ. */
const isTouched = (fs: FileSystem.FileSystem, claim: string): Effect.Effect<boolean> => {
  const touchedAt = fs.stat(claim).pipe(
    Effect.map(({ mtime }) => Option.map(mtime, DateTime.unsafeFromDate)),
    Effect.orElseSucceed(() => Option.none<DateTime.Utc>())
  )
  return Effect.gen(function* () {
    const before = yield* touchedAt
    if (Option.isNone(before)) return false
    yield* Effect.sleep(patience)
    const after = yield* touchedAt
    return Option.isSome(after) && !DateTime.Equivalence(before.value, after.value)
  })
}

const isRunning = (pid: number): boolean => {
  if (!Number.isSafeInteger(pid) || pid < 1) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // It runs, and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const ownerHere = (fs: FileSystem.FileSystem): Effect.Effect<Owner> =>
  Effect.gen(function* () {
    const boot = yield* Effect.orElseSucceed(fs.readFileString("/proc/sys/kernel/random/boot_id"), () => "")
    const container = yield* Effect.orElseSucceed(fs.readLink("/proc/self/ns/pid"), () => "")
    const started = yield* startOf(fs, process.pid)
    return { pid: process.pid, started, place: `${boot.trim()} ${container}` }
  })

/**
 * When the process started. One that has ended and whose parent has not asked how has not started at all; but one of which only
 * the first thread has ended may still be writing. Where the system does not tell, all processes count as started at the same
 * time. See proc(5).
 */
const startOf = (fs: FileSystem.FileSystem, pid: number): Effect.Effect<string> =>
  fs.readFileString(`/proc/${pid}/stat`).pipe(
    Effect.map((text) => {
      // The name of the program comes second, in brackets, and may hold anything.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
      const hasEnded = /^[ZX]$/.test(fields[0] ?? "") && Number(fields[17]) <= 1
      return hasEnded ? "ended" : (fields[19] ?? "")
    }),
    Effect.orElseSucceed(() => "")
  )
