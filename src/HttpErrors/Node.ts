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
import { NodeHttpServer, type NodeContext } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import type { Server, ServerResponse } from "node:http"
import { STATUS_CODES } from "node:http"
import type { ListenOptions } from "node:net"
import type { Duplex } from "node:stream"
import { serverAnswer } from "../HttpErrors.js"
import { ServerErrors, type Answer } from "../internal/serverErrors.js"

/**
 * A server from `createServer`, listening.
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
      const answers = { answer: serverAnswer() }
      const create = () => {
        const server = createServer()
        const own = server.listenerCount("request") + 1
        return server
          .on("clientError", (error, socket) => refuse(error, socket, answers.answer))
          .on("request", (_request, response) => {
            if (server.listenerCount("request") === own) turnAway(response, answers.answer(503))
          })
      }
      return Layer.merge(NodeHttpServer.layer(create, options), Layer.succeed(ServerErrors, answers))
    })
  )

const refuse = (error: NodeJS.ErrnoException, socket: Duplex, answer: typeof ServerErrors.Service.answer): void => {
  // A client that is gone, or a connection in the middle of another answer, can be told nothing.
  if (error.code === "ECONNRESET" || !socket.writable || midAnswer(socket)) {
    socket.destroy()
    return
  }
  const { status, headers, body } = answer(statusOf(error))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close"
  ]
  // Destroyed, and not only ended: or a handler that runs would never hear that its client is gone.
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy())
}

/** The application adds a listener when it starts and takes it away when it closes: without it, nobody would answer. */
const turnAway = (response: ServerResponse, { status, headers, body }: Answer): void => {
  response.writeHead(status, { ...headers, "content-type": "application/json", connection: "close" }).end(body)
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

/** Node keeps the running answer here, and looks at it for the same reason. It is in no public type. */
const midAnswer = (socket: Duplex & { readonly _httpMessage?: ServerResponse | null }) =>
  socket._httpMessage?.headersSent === true
