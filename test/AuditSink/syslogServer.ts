/** A syslog server in this process, which can be told to behave badly. */
import { Effect, type Scope } from "effect"
import * as Net from "node:net"
import * as Tls from "node:tls"

export interface Server {
  readonly port: number
  /** What came over each connection, oldest first. */
  readonly received: ReadonlyArray<string>
  /** All messages, by the framing of their connection. Whatever is no frame is an error. */
  readonly messages: () => ReadonlyArray<string>
  /** The connections, oldest first. */
  readonly sockets: ReadonlyArray<Net.Socket>
  /** Resumes once there have been so many connections. */
  readonly connected: (count: number) => Effect.Effect<void>
  /** Resumes once the connection has ended on both sides. */
  readonly closed: (nth: number) => Effect.Effect<void>
  /** Resumes once what the kernel has for it is read. */
  readonly settled: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

interface Options {
  readonly port?: number
  readonly tls?: Tls.TlsOptions
  /** Takes connections without a word, also where it should speak TLS. */
  readonly isMute?: boolean
  /** Reads nothing until it is told to. */
  readonly isPaused?: boolean
  /** Goes on when the other side has ended. */
  readonly allowHalfOpen?: boolean
}

export const start = (options: Options = {}): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const received: Array<Array<Buffer>> = []
      const sockets: Array<Net.Socket> = []
      const all = new Set<Net.Socket>()
      const take = (socket: Net.Socket) => {
        const parts: Array<Buffer> = []
        received.push(parts)
        sockets.push(socket)
        socket.on("error", () => undefined)
        socket.on("data", (part: Buffer) => (options.isMute === true ? undefined : parts.push(part)))
        if (options.isPaused === true) socket.pause()
      }
      const { allowHalfOpen = false, isPaused = false } = options
      const server =
        options.tls === undefined || options.isMute === true
          ? Net.createServer({ allowHalfOpen, pauseOnConnect: isPaused }, take)
          : Tls.createServer({ ...options.tls, allowHalfOpen }, take)
      server.on("connection", (socket) => {
        all.add(socket)
        socket.on("error", () => undefined)
      })
      server.on("tlsClientError", () => undefined)
      const texts = () => received.map((parts) => Buffer.concat(parts).toString())
      const size = () => received.flat().reduce((sum, { length }) => sum + length, 0)
      server.listen(options.port ?? 0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            // It listens.
            port: (server.address() as Net.AddressInfo).port,
            get received() {
              return texts()
            },
            messages: () => received.flatMap((parts) => read(Buffer.concat(parts))),
            sockets,
            connected: (count) => untilTrue(() => sockets.length >= count),
            closed: (nth) => untilTrue(() => sockets[nth]?.closed === true),
            settled: Effect.suspend(() => quiet(size)),
            stop: Effect.async((resume) => {
              for (const socket of all) socket.destroy()
              server.close(() => resume(Effect.void))
            })
          })
        )
      )
    }),
    ({ stop }) => stop
  )

const nextTurn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

export const untilTrue = (isTrue: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (isTrue() ? Effect.void : Effect.zipRight(nextTurn, untilTrue(isTrue))))

/** Whatever was sent on this machine is there to be read, and some of it is read in each turn. */
const quiet = (size: () => number, before = -1, turns = 0): Effect.Effect<void> =>
  Effect.suspend(() => {
    const now = size()
    if (turns === 30) return Effect.void
    return Effect.zipRight(nextTurn, quiet(size, now, now === before ? turns + 1 : 0))
  })

const read = (bytes: Buffer): ReadonlyArray<string> => {
  if (bytes.length === 0) return []
  if (bytes[0] === "<".charCodeAt(0)) {
    if (bytes.at(-1) !== 10) throw new Error("The last message has no end")
    return bytes.toString().slice(0, -1).split("\n")
  }
  const messages: Array<string> = []
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at)
    const length = bytes.subarray(at, space).toString()
    const end = space + 1 + Number(length)
    if (!/^[1-9]\d*$/.test(length) || end > bytes.length) throw new Error(`There is no message at ${at}`)
    messages.push(bytes.subarray(space + 1, end).toString())
    at = end
  }
  return messages
}
