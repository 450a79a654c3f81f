/** A PostgreSQL server of its own, which can be stopped, killed and started. */
import { Effect, Schedule, type Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Server {
  readonly url: string
  /** As in a crash of the machine, but for what the operating system keeps. */
  readonly kill: Effect.Effect<void>
  /** Resumes when it takes connections. */
  readonly start: Effect.Effect<void>
}

/** Debian keeps the programs of the server out of the path. */
const programs = () => {
  const root = "/usr/lib/postgresql"
  const versions = existsSync(root) ? readdirSync(root) : []
  const folder = process.env["PG_BIN"] ?? versions.map((version) => join(root, version, "bin")).at(-1)
  if (folder === undefined || !existsSync(join(folder, "initdb"))) {
    throw new Error("The programs initdb and postgres are not found: install PostgreSQL's server, or set PG_BIN")
  }
  return folder
}

/** The server does not run as root. */
const isRoot = process.getuid?.() === 0
const asServer = (program: string, args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  isRoot ? ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, ...args]] : [program, args]

const run = (program: string, args: ReadonlyArray<string>) => {
  const [command, all] = asServer(program, args)
  return execFileSync(command, all, { stdio: "pipe" }).toString()
}

const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as { readonly port: number }
    server.close(() => resume(Effect.succeed(port)))
  })
})

const answers = (port: number) =>
  Effect.async<void, Error>((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.on("error", (error) => resume(Effect.fail(error)))
  })

export const make: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function* () {
  const bin = programs()
  const port = yield* freePort
  const folder = mkdtempSync(join(tmpdir(), "postgres-"))
  if (isRoot) {
    const user = Number(execFileSync("id", ["-u", "postgres"]).toString())
    chownSync(folder, user, user)
  }
  const data = join(folder, "data")
  run(join(bin, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"])
  let server: ReturnType<typeof spawn> | undefined
  const kill = Effect.async<void>((resume) => {
    if (server === undefined || server.exitCode !== null) return resume(Effect.void)
    server.once("exit", () => resume(Effect.void))
    // The whole family of processes, or the next one waits for those that are left.
    const pid = Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0])
    const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)])
      .toString()
      .trim()
      .split(/\s+/)
    for (const each of [pid, ...children.map(Number)]) {
      try {
        process.kill(each, "SIGKILL")
      } catch {
        // It has ended already.
      }
    }
  })
  const start = Effect.suspend(() => {
    const [command, args] = asServer(join(bin, "postgres"), [
      "-D",
      data,
      "-p",
      String(port),
      "-k",
      folder,
      "-h",
      "127.0.0.1"
    ])
    server = spawn(command, args, { stdio: "ignore" })
    return Effect.retry(answers(port), Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(600)))
  }).pipe(Effect.orDie)
  yield* Effect.acquireRelease(start, () =>
    Effect.zipRight(
      kill,
      Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
  )
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, kill, start }
})
