/** A line between a client and a server on which single answers are lost, and messages end in their middle. */
import { Effect, type Scope } from "effect"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

export interface Line {
  readonly port: number
  /** Ends all connections, in the middle of whatever is sent. New ones are made again. */
  readonly cut: Effect.Effect<void>
  /** Lets nobody connect, until it is opened. */
  readonly close: Effect.Effect<void>
  readonly open: Effect.Effect<void>
  /** Keeps what the server answers, until it is let go or cut. */
  readonly hold: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Cuts once so many bytes more have gone to the server. */
  readonly cutAfter: (bytes: number) => Effect.Effect<void>
}

export const lossyLine = (host: string, target: number): Effect.Effect<Line, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<Line & { readonly end: () => void }>((resolve) => {
          const sockets = new Set<Socket>()
          let held: Array<() => void> | undefined
          let isClosed = false
          let left = Infinity

          const cut = () => {
            held = held === undefined ? undefined : []
            for (const socket of sockets) socket.destroy()
            sockets.clear()
          }
          const server = createServer((client) => {
            if (isClosed) return void client.destroy()
            const upstream = connect(target, host)
            sockets.add(client).add(upstream)
            client.on("data", (data) => {
              upstream.write(data.subarray(0, left))
              left -= data.length
              if (left > 0) return
              left = Infinity
              // What was let through is to arrive before the end.
              upstream.end(cut)
            })
            upstream.on("data", (data) => {
              const send = () => void client.write(data)
              if (held === undefined) send()
              else held.push(send)
            })
            for (const [socket, other] of [
              [client, upstream],
              [upstream, client]
            ] as const) {
              socket.on("error", () => undefined)
              socket.on("close", () => {
                sockets.delete(socket)
                other.destroy()
              })
            }
          })
          server.listen(0, "127.0.0.1", () =>
            resolve({
              // It listens on a port, and not on a pipe.
              port: (server.address() as AddressInfo).port,
              cut: Effect.sync(cut),
              close: Effect.sync(() => {
                isClosed = true
                cut()
              }),
              open: Effect.sync(() => {
                isClosed = false
              }),
              hold: Effect.sync(() => {
                held = []
              }),
              release: Effect.sync(() => {
                const waiting = held ?? []
                held = undefined
                for (const send of waiting) send()
              }),
              cutAfter: (bytes) =>
                Effect.sync(() => {
                  left = bytes
                }),
              end: () => {
                cut()
                server.close()
              }
            })
          )
        })
    ),
    ({ end }) => Effect.sync(end)
  )
