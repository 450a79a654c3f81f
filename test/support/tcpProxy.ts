/** A line to a server that can be cut, held and slowed down. */
import { Effect, type Scope } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"

export interface Proxy {
  readonly port: number
  /** Ends all connections. New ones are taken. */
  readonly cut: Effect.Effect<void>
  /** Nothing goes through any more, in either direction, and nobody is told. */
  readonly hold: Effect.Effect<void>
  /** Connections are refused, and those that there are end. */
  readonly refuse: Effect.Effect<void>
  /** Holds back what the server answers, for so many milliseconds. */
  readonly slow: (millis: number) => Effect.Effect<void>
  /** Everything goes through again. What was held is lost, with its connections. */
  readonly mend: Effect.Effect<void>
}

export const make = (target: {
  readonly host: string
  readonly port: number
}): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let mode: "open" | "held" = "open"
    let delay = 0

    const pass = (from: Socket, to: Socket, isAnswer: boolean) => {
      sockets.add(from)
      from.on("data", (bytes) => {
        if (mode === "held") return
        if (isAnswer && delay > 0) setTimeout(() => to.write(bytes), delay)
        else to.write(bytes)
      })
      from.on("error", () => to.destroy())
      from.on("close", () => {
        sockets.delete(from)
        if (mode === "open") to.destroy()
      })
    }

    const server = createServer((client) => {
      const upstream = connect(target)
      pass(client, upstream, false)
      pass(upstream, client, true)
    })
    const listen = (port: number) =>
      Effect.async<Server>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server))))
    const cut = Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
    })
    const close = Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of sockets) socket.destroy()
    })
    yield* Effect.acquireRelease(listen(0), () => close)
    const { port } = server.address() as { readonly port: number }
    return {
      port,
      cut,
      hold: Effect.sync(() => void (mode = "held")),
      refuse: close,
      slow: (millis) => Effect.sync(() => void (delay = millis)),
      mend: Effect.gen(function* () {
        if (mode === "held") yield* cut
        mode = "open"
        delay = 0
        if (!server.listening) yield* listen(port)
      })
    }
  })
