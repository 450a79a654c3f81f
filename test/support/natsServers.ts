/** Servers of a test's own, which it may stop, start, hold and kill. */
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Schedule, type Scope } from "effect"
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type AddressInfo } from "node:net"

export interface Server {
  readonly url: string
  readonly port: number
  readonly start: Effect.Effect<void>
  /** At once, as a loss of power ends it, but for what the operating system has. */
  readonly kill: Effect.Effect<void>
  /** Lets it hang. */
  readonly hold: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

const running = new Set<ChildProcess>()
process.on("exit", () => running.forEach((server) => server.kill("SIGKILL")))

export const freePort: Effect.Effect<number> = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        // It listens on a port, and not on a pipe.
        const { port } = server.address() as AddressInfo
        server.close(() => resolve(port))
      })
    })
)

const answers = (port: number) =>
  Effect.async<void, string>((resume) => {
    const socket = connect(port, "127.0.0.1")
    // Only an answer says that it is ready.
    socket.once("data", () => resume(Effect.void))
    socket.once("error", () => resume(Effect.fail("nats-server does not start")))
    return Effect.sync(() => socket.destroy())
  })

const start = (port: number, file: string) =>
  Effect.promise(async () => {
    const child = spawn("nats-server", ["-c", file], { stdio: "ignore" })
    const started = await Promise.race([once(child, "spawn").then(() => true), once(child, "error").then(() => false)])
    if (!started) throw new Error("These tests need 'nats-server' in the PATH: install it")
    running.add(child)
    return child
  }).pipe(
    Effect.tap(() =>
      answers(port).pipe(
        Effect.timeoutFail({ duration: "1 seconds", onTimeout: () => "nats-server does not answer" }),
        Effect.retry(Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(500))),
        Effect.orDie
      )
    )
  )

const end = (child: ChildProcess) =>
  Effect.promise(async () => {
    running.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill("SIGKILL")
    await once(child, "exit")
  })

/** A server with JetStream, and whatever else the configuration says. `{folder}` is a folder of its own. */
export const natsServer = (
  config = "jetstream { store_dir: '{folder}' }",
  port = freePort
): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const chosen = yield* port
    const file = `${folder}/nats.conf`
    yield* fs.writeFileString(file, `listen: 127.0.0.1:${chosen}\n${config.replaceAll("{folder}", folder)}\n`)
    let child = yield* start(chosen, file)
    yield* Effect.addFinalizer(() => end(child))
    return {
      url: `nats://127.0.0.1:${chosen}`,
      port: chosen,
      start: Effect.map(start(chosen, file), (started) => {
        child = started
      }),
      kill: Effect.suspend(() => end(child)),
      hold: Effect.sync(() => void child.kill("SIGSTOP")),
      resume: Effect.sync(() => void child.kill("SIGCONT"))
    }
  }).pipe(Effect.provide(NodeFileSystem.layer), Effect.orDie)

/** Servers of one cluster. */
export const natsCluster = (size: number): Effect.Effect<ReadonlyArray<Server>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const routes = yield* Effect.replicateEffect(freePort, size)
    const all = routes.map((port) => `'nats://127.0.0.1:${port}'`).join(", ")
    return yield* Effect.forEach(
      routes,
      (port, index) =>
        natsServer(
          `server_name: n${index}
           jetstream { store_dir: '{folder}' }
           cluster { name: test, listen: '127.0.0.1:${port}', no_advertise: true, routes: [${all}] }`
        ),
      { concurrency: "unbounded" }
    )
  })
