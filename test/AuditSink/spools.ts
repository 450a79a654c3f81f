/** Spools in front of a remote sink that does what it is told, as tests make them and look at them. */
import { FileSystem } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { Array as Arr, Clock, Context, Effect, Layer, Logger, Metric, Option, Random, type Scope } from "effect"
import * as AppLog from "../../src/AppLog.js"
import * as AuditChain from "../../src/AuditChain.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import { AuditSink, AuditSinkError, type Batch, type Service } from "../../src/AuditSink.js"
import * as Spool from "../../src/AuditSink/Spool.js"
import { eventually, inMemory, inMemoryPath } from "../internal/logFiles.js"
import * as VirtualClock from "./virtualClock.js"

export const instance = "web-1"
export const path = inMemoryPath

export const unavailable = new AuditSinkError({ sink: "remote", reason: "Unavailable", description: "it is away" })

interface Attempt {
  readonly at: number
  readonly batch: Batch
}

/**
 * Keeps a chain as a ledger does: a record that is there is not stored again, and one that does not follow is refused. What it does
 * before that, in each of its steps, is for the test to say.
 */
export const makeRemote = () => {
  const lines: Array<string> = []
  const attempts: Array<Attempt> = []
  const counts = { opened: 0, closed: 0, again: 0 }
  const steps = {
    open: Effect.void as Effect.Effect<void, unknown>,
    write: Effect.void as Effect.Effect<void, AuditSinkError>,
    sync: Effect.void as Effect.Effect<void, AuditSinkError>,
    close: Effect.void as Effect.Effect<void>
  }
  let head = AuditChain.genesis

  const store = ({ line }: AuditRecord) => {
    const link = Option.getOrThrowWith(AuditChain.linkOf(line), () => new Error(`not chained: ${line}`))
    if (link.seq <= head.seq) {
      if (lines[link.seq - 1] !== line) throw new Error(`forked: the place of record ${link.seq} is taken`)
      counts.again++
      return
    }
    if (link.seq !== head.seq + 1 || link.prev !== head.hash) {
      throw new Error(`missing: record ${link.seq} does not follow record ${head.seq}`)
    }
    head = link
    lines.push(line)
  }

  const layer: Layer.Layer<AuditSink, unknown> = Layer.scoped(
    AuditSink,
    Effect.gen(function* () {
      yield* Effect.suspend(() => steps.open)
      counts.opened++
      yield* Effect.addFinalizer(() =>
        Effect.zipRight(
          Effect.sync(() => void counts.closed++),
          Effect.suspend(() => steps.close)
        )
      )
      return {
        write: (batch) =>
          Effect.gen(function* () {
            attempts.push({ at: yield* Clock.currentTimeMillis, batch })
            yield* Effect.suspend(() => steps.write)
            if (!isConsecutive(batch)) return yield* refused(new Error("missing: records in the middle of a batch"))
            for (const record of batch) yield* Effect.try({ try: () => store(record), catch: refused })
          }),
        sync: Effect.suspend(() => steps.sync)
      } satisfies Service
    })
  )
  return { layer, lines, attempts, counts, steps, unsafeForget: () => void lines.splice(0) }
}

export type RemoteOfTest = ReturnType<typeof makeRemote>

const isConsecutive = (batch: Batch) =>
  Arr.map(batch, ({ line }) => Option.getOrThrow(AuditChain.linkOf(line))).every(
    ({ prev, seq }, index, links) =>
      index === 0 || (seq === links[index - 1]!.seq + 1 && prev === links[index - 1]!.hash)
  )

const refused = (cause: unknown) =>
  new AuditSinkError({
    sink: "remote",
    reason: "Claimed",
    description: cause instanceof Error ? cause.message : "refused"
  })

export interface Opened {
  readonly sink: Service
  readonly spool: Spool.Service
}

export const open = (
  remote: Layer.Layer<AuditSink, unknown>,
  options: Partial<Spool.Options> = {}
): Effect.Effect<Opened, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.map(Layer.build(remote.pipe(Spool.through({ path, instance, ...options }))), (context) => ({
    sink: Context.get(context, AuditSink),
    spool: Context.get(context, Spool.Spool)
  }))

/** From opening to closing. */
export const use = <A, E, R>(
  remote: Layer.Layer<AuditSink, unknown>,
  body: (opened: Opened) => Effect.Effect<A, E, R>,
  options?: Partial<Spool.Options>
) => Effect.scoped(Effect.flatMap(open(remote, options), body))

export interface Space extends Pick<VirtualClock.VirtualClock, "pass" | "set"> {
  /** What the library says in the application log. */
  readonly said: ReadonlyArray<AppLog.Line>
  readonly remote: RemoteOfTest
}

/** With an empty disk in memory, and time in the hands of the test. */
export const test = (
  name: string,
  body: (space: Space) => Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>
) =>
  it.scopedLive(name, () => {
    const said: Array<AppLog.Line> = []
    const logger = AppLog.layer(
      Effect.succeed((line) => said.push(line)),
      { level: "Debug" }
    )
    const { clock, pass, set } = VirtualClock.make()
    return inMemory(
      body({ said, pass, set, remote: makeRemote() }).pipe(
        Effect.provide(Layer.merge(logger, Logger.remove(Logger.defaultLogger)))
      )
    ).pipe(Effect.withRandom(Random.make(name)), Effect.withClock(clock))
  })

/** What was said about the spool, from this level on. */
export const messages = (said: ReadonlyArray<AppLog.Line>, ...levels: ReadonlyArray<string>) =>
  said.filter(({ level }) => levels.length === 0 || levels.includes(level)).map(({ message }) => message)

export const until = (condition: () => boolean) => eventually(Effect.sync(condition))

export const assertValid = (lines: ReadonlyArray<string>) => {
  const verifier = AuditChain.verifier()
  for (const line of lines) verifier.line(Buffer.from(line))
  assert.strictEqual(verifier.end().problem?.message, undefined)
}

/** The numbers of the application's records. */
export const numbers = (lines: ReadonlyArray<string>) =>
  lines
    .map((line) => JSON.parse(line) as AuditRecord)
    .filter(({ event }) => event.type === "test-event")
    .map(({ event }) => event.details["number"])

/** The metrics of the spool, by what follows their common beginning. */
export const metrics = (spool = path): Effect.Effect<Readonly<Record<string, number>>> =>
  Effect.map(Metric.snapshot, (pairs) =>
    Object.fromEntries(
      pairs.flatMap(({ metricKey: { name, tags }, metricState: state }) =>
        name.startsWith("registrar_audit_spool_") && tags.some(({ value }) => value === spool)
          ? [[name.slice("registrar_audit_spool_".length), valueOf(state)]]
          : []
      )
    )
  )

const valueOf = (state: object): number =>
  "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : NaN

/** Takes whatever it is given, as those do that only send. */
export const takesAnything = (lines: Array<string>): Layer.Layer<AuditSink> =>
  Layer.succeed(AuditSink, {
    write: (batch) => Effect.sync(() => void lines.push(...batch.map(({ line }) => line))),
    sync: Effect.void
  })
