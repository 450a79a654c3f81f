/**
 * The Node server, with registered answers also where no application is there to give them: for requests that its parser
 * refuses (what is no HTTP, headers that are too large, a request that never ends), which Node answers with an empty body, and
 * for requests that come before the application has started or after it has begun to close, which would hang.
 *
 * Use it in place of `NodeHttpServer.layer`.
 *
 * @example
 * import { Registrar, AuditSink } from "effect-registrar"
 * import * as NodeServer from "effect-registrar/HttpErrors/Node"
 * import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
 * import { Layer } from "effect"
 * import { createServer } from "node:http"
 *
 * const Hello = HttpLayerRouter.add("GET", "/", HttpServerResponse.text("hello"))
 *
 * const server = Registrar.serve(Hello).pipe(
 *   Layer.provide(AuditSink.console),
 *   Layer.provide(NodeServer.layer(createServer, { port: 8080 }))
 * )
 */
import type { Etag, HttpPlatform, HttpServer, HttpServerError } from "@effect/platform"
import { NodeHttpServer, NodeHttpServerRequest, type NodeContext } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { STATUS_CODES } from "node:http"
import type { ListenOptions } from "node:net"
import type { Duplex } from "node:stream"
import { serverAnswer } from "../HttpErrors.js"
import { ServerErrors, type Answer } from "../internal/serverErrors.js"

/**
 * A server from `createServer`, listening. When it closes, connections that nothing runs on do not hold it up, and the others
 * for five seconds at most: `Registrar.serve` has finished its requests before.
 *
 * Give `createServer` a `requestTimeout` and a `headersTimeout` that fit: Node waits five minutes for a slow client.
 *
 * @category layers
 */
export const layer = (
  createServer: () => Server,
  options: ListenOptions
): Layer.Layer<
  HttpServer.HttpServer | HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext | ServerErrors,
  HttpServerError.ServeError
> =>
  Layer.unwrapEffect(
    Effect.sync(() => {
      const errors: typeof ServerErrors.Service = {
        answer: serverAnswer(),
        abandon: (request) => respond(NodeHttpServerRequest.toServerResponse(request), errors.answer(500))
      }
      const create = () => {
        const server = createServer()
        return answerEverything(server, errors, closeConnections(server))
      }
      return Layer.merge(NodeHttpServer.layer(create, options), Layer.succeed(ServerErrors, errors))
    })
  )

/**
 * Registered answers wherever Node has empty ones of its own, and where nobody would answer. One function sees each request, since
 * the listener of the application is called sooner where it is the only one.
 */
const answerEverything = (
  server: Server,
  errors: typeof ServerErrors.Service,
  count: (response: ServerResponse) => void
): Server => {
  // The application adds a listener when it starts and takes it away when it closes.
  const withoutApplication = server.listenerCount("request")
  // Checked below instead, since Node's own answer has no body.
  Object.assign(server, { requireHostHeader: false })
  const emit = server.emit.bind(server)
  server.emit = (event: string, ...args: ReadonlyArray<never>) => {
    if (event !== "request") return emit(event, ...args)
    const [request, response] = args as unknown as readonly [IncomingMessage, ServerResponse]
    if (request.headers.host === undefined && request.httpVersion === "1.1") {
      respond(response, errors.answer(400))
      return true
    }
    count(response)
    emit(event, ...args)
    if (server.listenerCount("request") === withoutApplication) respond(response, errors.answer(503))
    return true
  }
  return server
    .on("checkExpectation", (_request, response) => respond(response, errors.answer(417)))
    .on("connect", (_request, socket) => end(socket, errors.answer(501)))
    .on("clientError", (error, socket) => refuse(error, socket, errors.answer))
}

/** Connections that say nothing, or not enough for a request, would keep the server from closing. Returns what counts a request. */
const closeConnections = (server: Server): ((response: ServerResponse) => void) => {
  const close = server.close.bind(server)
  let running = 0
  let isClosing = false
  const cut = () => {
    if (isClosing && running === 0) server.closeAllConnections()
  }
  const leave = () => {
    running--
    cut()
  }
  server.close = (onClosed) => {
    isClosing = true
    close(onClosed)
    cut()
    setTimeout(() => server.closeAllConnections(), 5000).unref()
    return server
  }
  return (response) => {
    running++
    response.on("close", leave)
  }
}

const refuse = (error: NodeJS.ErrnoException, socket: Socket, answer: typeof ServerErrors.Service.answer): void => {
  const pending = socket._httpMessage
  // A client that is gone, or a connection in the middle of another answer, can be told nothing.
  if (error.code === "ECONNRESET" || !socket.writable || pending?.headersSent === true) {
    socket.destroy()
    return
  }
  const refusal = () => end(socket, answer(statusOf(error)))
  // What is refused comes after a whole request, whose answer is still being made: that goes first.
  if (pending?.req.complete === true) pending.once("finish", refusal)
  else refusal()
}

/** Node keeps the answer that is being made here, and looks at it for the same reason. It is in no public type. */
type Socket = Duplex & { readonly _httpMessage?: ServerResponse | null }

/** An answer on a connection that has no response for it. */
const end = (socket: Duplex, { status, headers, contentType, body }: Answer): void => {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close"
  ]
  // Destroyed, and not only ended: or a handler that runs would never hear that its client is gone.
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy())
}

const respond = (response: ServerResponse, { status, headers, contentType, body }: Answer): void => {
  if (response.writableEnded) return
  if (response.headersSent) {
    response.destroy()
    return
  }
  // What is left of a response that could not be sent does not belong to this one.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const length = Buffer.byteLength(body)
  response
    .writeHead(status, {
      ...headers,
      "content-type": contentType,
      "content-length": length,
      connection: "close"
    })
    .end(body)
}

const statusOf = ({ code }: NodeJS.ErrnoException) => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return 431
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return 413
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408
    default:
      return 400
  }
}
