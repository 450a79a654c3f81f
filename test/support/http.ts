/** A real server on a free port, what it recorded, and clients that say exactly what they are told to. */
import { HttpApp, HttpServer } from "@effect/platform"
import type { Etag, HttpPlatform } from "@effect/platform"
import { NodeHttpServer, type NodeContext } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { createServer, request as httpRequest } from "node:http"
import { connect } from "node:net"
import type * as AppLog from "../../src/AppLog.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import type { AuditSink } from "../../src/AuditSink.js"
import type { ServerErrors } from "../../src/internal/serverErrors.js"
import * as NodeServer from "../../src/HttpErrors/Node.js"
import * as Testing from "../../src/Testing.js"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

export interface Running {
  readonly port: number
  readonly request: (method: string, path: string, options?: RequestOptions) => Effect.Effect<Answer>
  /** Sends the bytes, and gives back all that comes until the server closes the connection. */
  readonly raw: (...parts: ReadonlyArray<string | Uint8Array>) => Effect.Effect<string>
  readonly audit: Effect.Effect<ReadonlyArray<AuditRecord>>
  readonly application: Effect.Effect<ReadonlyArray<AppLog.Line>>
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** The body in chunks, without its length. */
  readonly chunks?: ReadonlyArray<string | Uint8Array>
}

type Provided =
  | HttpServer.HttpServer
  | AuditSink
  | HttpPlatform.HttpPlatform
  | Etag.Generator
  | NodeContext.NodeContext
  | ServerErrors

/** Starts what `Registrar.serve` makes. With a sink of one's own, `audit` stays empty. */
export const start = <A, E>(served: Layer.Layer<A, E, Provided>, sink?: Layer.Layer<AuditSink>) =>
  Effect.gen(function* () {
    const sinks = sink === undefined ? Layer.empty : sink
    const context = yield* Layer.build(
      served.pipe(
        Layer.provideMerge(NodeServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
        Layer.provideMerge(Layer.provideMerge(sinks, Testing.layer()))
        // The union of the two sinks' Layers is a sink.
      ) as Layer.Layer<HttpServer.HttpServer | Testing.Recorded, E>
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    const recorded = Context.get(context, Testing.Recorded)
    const port = address._tag === "TcpAddress" ? address.port : assert.fail("no TCP")
    const running: Running = {
      port,
      request: (method, path, options) => request(port, method, path, options),
      raw: (...parts) => raw(port, parts),
      audit: recorded.audit,
      application: recorded.application
    }
    return running
  })

/** The same without a network: many requests cost little. */
export const startInProcess = <A, E>(served: Layer.Layer<A, E, Exclude<Provided, ServerErrors>>) =>
  Effect.gen(function* () {
    let handle: (request: Request) => Promise<Response> = () => assert.fail("nothing is served")
    const server = HttpServer.make({
      address: { _tag: "TcpAddress", hostname: "localhost", port: 0 },
      serve: (app, middleware) =>
        Effect.map(Effect.runtime<never>(), (runtime) => {
          // What the app still needs, the runtime of the server has.
          handle = HttpApp.toWebHandlerRuntime(runtime)(app as HttpApp.Default, middleware)
        })
    })
    const context = yield* Layer.build(
      served.pipe(
        Layer.provide(Layer.succeed(HttpServer.HttpServer, server)),
        Layer.provide(NodeHttpServer.layerContext),
        Layer.provideMerge(Testing.layer())
      )
    )
    const recorded = Context.get(context, Testing.Recorded)
    return { ...recorded, request: (request: Request) => Effect.promise(() => handle(request)) }
  })

const request = (port: number, method: string, path: string, options: RequestOptions = {}) =>
  Effect.async<Answer>((resume) => {
    const { body, chunks, headers } = options
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }
    const outgoing = httpRequest(
      { port, host: "127.0.0.1", method, path, agent: false, headers: { ...length, ...headers } },
      (response) => {
        const received: Array<Buffer> = []
        const finish = () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(received).toString("utf8")
            })
          )
        response.on("data", (chunk: Buffer) => received.push(chunk))
        response.on("end", finish)
        response.on("error", (error) => resume(Effect.die(error)))
      }
    )
    let answered = false
    outgoing.on("response", () => (answered = true))
    // A server may answer and hang up before it has read everything.
    outgoing.on("error", (error) => (answered ? undefined : resume(Effect.die(error))))
    for (const chunk of chunks ?? []) outgoing.write(chunk)
    outgoing.end(body)
    return Effect.sync(() => outgoing.destroy())
  })

const raw = (port: number, parts: ReadonlyArray<string | Uint8Array>) =>
  Effect.async<string>((resume) => {
    const socket = connect(port, "127.0.0.1")
    let received = ""
    socket.on("data", (chunk) => (received += chunk.toString("utf8")))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(received)))
    for (const part of parts) socket.write(part)
    return Effect.sync(() => socket.destroy())
  })

/** The registered answer that every 4xx and 5xx is. */
export const assertError = (answer: Answer, status: number, id: string) => {
  assert.strictEqual(answer.status, status, answer.body)
  assert.strictEqual(answer.headers["content-type"], "application/json")
  const body = JSON.parse(answer.body)
  assert.deepStrictEqual(Object.keys(body), ["error"])
  assert.strictEqual(body.error.id, id)
  assert.isNotEmpty(body.error.message)
  assert.isEmpty(Object.keys(body.error).filter((key) => !["id", "message", "details"].includes(key)))
  return body.error
}
