/**
 * Requests over real sockets, byte by byte: no client library sends an unknown method, or a path exactly as it is given.
 */
import { Data, Effect } from "effect"
import { connect } from "node:net"
import { indexHeader } from "./application.js"
import type { Request } from "./format.js"

export interface Response {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly reason: string }> {}

export interface Options {
  readonly port: number
  /** The number of the request within the case. */
  readonly index: number
  /** Says in the proxy's place where the request comes from. */
  readonly asProxy: boolean
}

export const send = (request: Request, options: Options): Effect.Effect<Response, NoAnswer> =>
  exchange(options.port, bytesOf(request, options)).pipe(
    Effect.timeoutFail({
      duration: "20 seconds",
      onTimeout: () => new NoAnswer({ reason: "no answer within 20 seconds" })
    }),
    Effect.flatMap((bytes) =>
      Effect.try({ try: () => parse(bytes), catch: (error) => new NoAnswer({ reason: String(error) }) })
    )
  )

/** The address that the requests of the original's test client come from. */
export const localAddress = "127.0.0.1"

const bytesOf = (request: Request, { index, asProxy }: Options): Buffer => {
  const body = bodyOf(request)
  const given = new Map(Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
  const headers = new Map<string, string>([["host", "localhost"]])
  if (body !== undefined) headers.set("content-type", "application/json").set("content-length", String(body.length))
  for (const [name, value] of given) headers.set(name, value)
  if (asProxy) {
    const before = given.get("x-forwarded-for")
    const from = request.remote_addr ?? localAddress
    headers.set("x-forwarded-for", before === undefined ? from : `${before}, ${from}`)
  }
  headers.set(indexHeader, String(index)).set("connection", "close")
  const lines = [
    `${request.method} ${target(request.path)} HTTP/1.1`,
    ...Array.from(headers, ([name, value]) => `${name}: ${value}`)
  ]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body ?? Buffer.alloc(0)])
}

const bodyOf = ({ body, body_hex, body_repeat }: Request): Buffer | undefined => {
  if (body !== undefined) return Buffer.from(body)
  if (body_hex !== undefined) return Buffer.from(body_hex, "hex")
  return body_repeat === undefined ? undefined : Buffer.from(body_repeat.text.repeat(body_repeat.times))
}

/** As given, but for what cannot stand in a request line. */
const target = (path: string) =>
  path.replaceAll(/[^\x21-\x7e]+/g, (text) =>
    Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")
  )

const exchange = (port: number, request: Buffer): Effect.Effect<Buffer, NoAnswer> =>
  Effect.async((resume) => {
    const received: Array<Buffer> = []
    const end = () => resume(Effect.succeed(Buffer.concat(received)))
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(request))
    socket.on("data", (chunk) => received.push(chunk))
    socket.on("end", end)
    // A server that answers before it has read everything may close hard. What it has said counts.
    socket.on("error", (error) =>
      received.length > 0 ? end() : resume(Effect.fail(new NoAnswer({ reason: error.message })))
    )
    return Effect.sync(() => socket.destroy())
  })

const parse = (bytes: Buffer): Response => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end === -1) throw new Error("the connection was closed without an answer")
  const [first, ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n")
  const status = Number(first?.split(" ")[1])
  const headers = new Map(
    lines.map((line): readonly [string, string] => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    })
  )
  const rest = bytes.subarray(end + 4)
  return { status, headers, body: headers.get("transfer-encoding") === "chunked" ? dechunk(rest) : rest }
}

const dechunk = (bytes: Buffer): Buffer => {
  const chunks: Array<Buffer> = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf("\r\n", at)
    const size = end === -1 ? 0 : Number.parseInt(bytes.subarray(at, end).toString("latin1"), 16)
    if (!(size > 0)) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}
