/** What needs no server: options that make no sense, and servers that are none. `test/services` has the rest. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { createServer, type Socket } from "node:net"
import * as NatsSink from "../../src/AuditSink/Nats.js"

const open = (options: Partial<NatsSink.Options>) =>
  Effect.flip(
    Effect.scoped(
      Layer.build(
        NatsSink.layer({ servers: "nats://127.0.0.1:1", instance: "web-1", timeout: "300 millis", ...options }).pipe(
          Layer.provide(NodeFileSystem.layer)
        )
      )
    )
  )

/** The port of something that answers a connection as it is told to. */
const answering = (answer: (socket: Socket) => void): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
        const sockets = new Set<Socket>()
        const server = createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => undefined)
          answer(socket)
        }).listen(0, "127.0.0.1", () => {
          const { port } = server.address() as { readonly port: number }
          const close = () => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
          resume(Effect.succeed({ port, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ port }) => port
  )

const info = `INFO ${JSON.stringify({ server_id: "x", version: "2.10.0", headers: true, max_payload: 1048576, nonce: "x", auth_required: true })}\r\n`

describe("options that make no sense", () => {
  const cases: ReadonlyArray<readonly [Partial<NatsSink.Options>, RegExp]> = [
    [{ servers: [] }, /'servers' is empty/],
    [{ servers: "" }, /looks like 'nats:\/\/host:4222'/],
    [{ servers: "http://user:hunter2@127.0.0.1" }, /looks like 'nats:\/\/host:4222'/],
    [{ servers: "nats://user:hunter2@" }, /looks like 'nats:\/\/host:4222'/],
    [{ servers: ["nats://127.0.0.1:1", "hunter2 hunter2"] }, /looks like 'nats:\/\/host:4222'/],
    [{ servers: "nats://user:%E0%A4%A@127.0.0.1" }, /looks like 'nats:\/\/host:4222'/],
    [{ timeout: 0 }, /'timeout' must be a duration/],
    [{ timeout: -1 }, /'timeout' must be a duration/],
    [{ timeout: NaN }, /'timeout' must be a duration/],
    [{ stream: "" }, /'stream' has letters/],
    [{ stream: "A.B" }, /'stream' has letters/],
    [{ stream: "A B" }, /'stream' has letters/],
    [{ stream: "*" }, /'stream' has letters/],
    [{ subject: "" }, /'subject' has letters/],
    [{ subject: "audit.>" }, /'subject' has letters/],
    [{ subject: "audit." }, /'subject' has letters/],
    [{ subject: "$JS.API" }, /'subject' has letters/],
    [{ replicas: 0 }, /'replicas' must be a whole number from 1 to 5/],
    [{ replicas: 1.5 }, /'replicas' must be a whole number/],
    [{ maxBytes: 0 }, /'maxBytes' must be a whole number above 0/],
    [{ maxBytes: -5 }, /'maxBytes' must be a whole number above 0/],
    [{ maxAge: 0 }, /'maxAge' must be a duration of at least a second/],
    [{ maxAge: "10 millis" }, /'maxAge' must be a duration of at least a second/]
  ]
  for (const [options, sentence] of cases) {
    it.live(`are said: ${JSON.stringify(options)}`, () =>
      Effect.map(open(options), (error) => {
        assert.strictEqual(error.reason, "Misconfigured")
        assert.match(error.message, sentence)
        assert.notInclude(error.message, "hunter2")
      })
    )
  }
})

describe("a server", () => {
  it.live("that is not there is unavailable, and its password is not told", () =>
    Effect.gen(function* () {
      for (const servers of ["nats://user:hunter2@127.0.0.1:1", Redacted.make("nats://hunter2@127.0.0.1:1")]) {
        const error = yield* open({ servers })
        assert.strictEqual(error.reason, "Unavailable")
        assert.match(error.message, /^The audit sink 'NATS' failed: it cannot be reached, or has ended the connection/)
        assert.notInclude(JSON.stringify(error) + String(error) + String(error.cause), "hunter2")
      }
    })
  )

  it.live("whose name nobody knows is unavailable", () =>
    Effect.map(open({ servers: "nats://there-is-none.invalid:4222" }), (error) => {
      assert.strictEqual(error.reason, "Unavailable")
    })
  )

  it.scopedLive("that says nothing is given up in time", () =>
    Effect.gen(function* () {
      const port = yield* answering(() => undefined)
      const error = yield* open({ servers: `nats://127.0.0.1:${port}` })
      assert.strictEqual(error.reason, "Unavailable")
      assert.match(error.message, /did not answer in time/)
    })
  )

  it.scopedLive("that speaks otherwise, or hangs up, is unavailable", () =>
    Effect.gen(function* () {
      for (const answer of [
        (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
        (socket: Socket) => socket.destroy(),
        (socket: Socket) => socket.end(`${info}-ERR 'Maximum Connections Exceeded'\r\n`)
      ]) {
        const port = yield* answering((socket) => void answer(socket))
        const error = yield* open({ servers: `nats://127.0.0.1:${port}` })
        assert.strictEqual(error.reason, "Unavailable", error.message)
      }
    })
  )

  it.scopedLive("that does not let us in makes the options wrong", () =>
    Effect.gen(function* () {
      const port = yield* answering((socket) => {
        socket.write(info)
        socket.on("data", () => socket.end("-ERR 'Authorization Violation'\r\n"))
      })
      const error = yield* open({ servers: `nats://hunter2@127.0.0.1:${port}` })
      assert.strictEqual(error.reason, "Misconfigured")
      assert.match(error.message, /correct the credentials/)
    })
  )

  it.scopedLive("is not asked with credentials that are none", () =>
    Effect.gen(function* () {
      const port = yield* answering((socket) => void socket.write(info))
      const error = yield* open({
        servers: `nats://127.0.0.1:${port}`,
        credentials: Redacted.make("hunter2")
      })
      assert.notInclude(JSON.stringify(error) + String(error), "hunter2")
      assert.strictEqual(error.reason, "Misconfigured", error.message)
      assert.match(error.message, /'credentials'/)
    })
  )
})
