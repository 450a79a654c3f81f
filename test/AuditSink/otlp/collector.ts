/** A collector in this process, which takes only what the published messages allow, and misbehaves as it is told. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { gunzipSync } from "node:zlib"
import { attributesOf, decode, type ExportRequest, type LogRecord } from "./proto.js"

export interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
  readonly request: ExportRequest
}

/** What becomes of one request: `take` is what a collector does that has stored it. */
export type Behaviour = (response: ServerResponse, take: () => void) => void

const json = { "content-type": "application/json" }

export const accept: Behaviour = (response, take) => {
  take()
  response.writeHead(200, json).end("{}")
}

export const refuse =
  (status: number, headers: Readonly<Record<string, string>> = {}, body = "{}"): Behaviour =>
  (response) => {
    response.writeHead(status, { ...json, ...headers }).end(body)
  }

/** Takes it, and says that it has not taken so many of them. */
export const reject =
  (rejectedLogRecords: number, errorMessage: string): Behaviour =>
  (response, take) => {
    take()
    const partialSuccess = { rejectedLogRecords: String(rejectedLogRecords), errorMessage }
    response.writeHead(200, json).end(JSON.stringify({ partialSuccess }))
  }

/** Hangs up instead of answering, before it has stored anything. */
export const hangUp: Behaviour = (response) => void response.socket?.destroy()

/** Stores it, and hangs up in the middle of its answer. */
export const breakOff: Behaviour = (response, take) => {
  take()
  response.writeHead(200, { ...json, "content-length": "100" })
  response.write('{"partialSuccess', () => response.socket?.destroy())
}

export const neverAnswer: Behaviour = () => {}

export const make = Effect.gen(function* () {
  const received: Array<Received> = []
  const stored: Array<LogRecord> = []
  const problems: Array<unknown> = []
  /** For the next requests, one each; then everything is accepted. */
  const behaviours: Array<Behaviour> = []
  let port = 0
  let server: Server | undefined

  const handle = (text: Buffer, seen: Omit<Received, "bytes" | "request">, response: ServerResponse) => {
    try {
      const isCompressed = seen.headers["content-encoding"] === "gzip"
      const request = decode((isCompressed ? gunzipSync(text) : text).toString("utf8"))
      const logRecords = request.resourceLogs[0].scopeLogs[0].logRecords
      received.push({ ...seen, bytes: text.length, request })
      const behave = behaviours.shift() ?? accept
      behave(response, () => void stored.push(...logRecords))
    } catch (problem) {
      problems.push(problem)
      response.writeHead(400).end()
    }
  }

  const start = Effect.async<void>((resume) => {
    const made = createServer((request, response) => {
      const parts: Array<Buffer> = []
      request.on("data", (part: Buffer) => parts.push(part))
      request.on("error", () => {})
      request.on("end", () => {
        const { headers, method, url } = request
        handle(Buffer.concat(parts), { headers, method, url }, response)
      })
    })
    server = made.listen(port, "127.0.0.1", () => {
      // The same one after a restart. With TCP it is no text.
      port = (made.address() as AddressInfo).port
      resume(Effect.void)
    })
  })

  const stop = Effect.async<void>((resume) => {
    if (server === undefined) return resume(Effect.void)
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
    server = undefined
  })

  yield* start
  yield* Effect.addFinalizer(() => stop)
  return {
    url: `http://127.0.0.1:${port}/v1/logs`,
    behaviours,
    received,
    stored,
    start,
    stop,
    /** The stored lines, in their order. Fails where a request was none. */
    lines: Effect.sync(() => {
      assert.deepStrictEqual(problems, [])
      return stored.map(({ attributes }) => String(attributesOf(attributes)["log.record.original"]))
    })
  }
})

export type Collector = Effect.Effect.Success<typeof make>
