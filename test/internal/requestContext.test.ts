import { HttpApp, HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import * as AuditContext from "../../src/AuditContext.js"
import * as BuiltInErrors from "../../src/BuiltInErrors.js"
import type { ErrorRegistry } from "../../src/ErrorRegistry.js"
import * as HttpErrors from "../../src/HttpErrors.js"
import * as RequestContext from "../../src/internal/requestContext.js"
import * as Registrar from "../../src/Registrar.js"
import * as Http from "../support/http.js"

class Note extends Context.Tag("test/Note")<Note, string>() {}

const quiet = { disableListenLog: true }

/** Answers with what stands in its context, after a while in which others are answered too. */
const told = Effect.gen(function* () {
  const { path, requestId } = yield* AuditContext.AuditContext
  yield* Effect.yieldNow()
  const again = yield* AuditContext.AuditContext
  assert.strictEqual(again.requestId, requestId)
  return HttpServerResponse.text(`${path} ${requestId}`)
})

describe("what is put into the context of a request", () => {
  it.scopedLive("is that request's alone, and nothing of it stays", () =>
    Effect.gen(function* () {
      const route = HttpLayerRouter.add("GET", "/*", told)
      const node = yield* Http.start(Registrar.serve(route, quiet))
      const web = yield* Http.startInProcess(Registrar.serve(route, quiet))
      const paths = Array.from({ length: 50 }, (_, number) => `/${number}`)
      const requests: ReadonlyArray<(path: string) => Effect.Effect<string>> = [
        (path) => Effect.map(node.request("GET", path), ({ body }) => body),
        (path) =>
          Effect.flatMap(web.request(new Request(`http://localhost${path}`)), (answer) =>
            Effect.promise(() => answer.text())
          )
      ]
      for (const request of requests) {
        const answers = yield* Effect.forEach(paths, request, { concurrency: 25 })
        const told = answers.map((answer) => answer.split(" "))
        assert.deepStrictEqual(
          told.map(([path]) => path),
          paths
        )
        assert.strictEqual(new Set(told.map(([, id]) => id)).size, paths.length)
      }
    })
  )

  it.effect("is nothing where there is no request", () =>
    Effect.gen(function* () {
      yield* Effect.withFiberRuntime((fiber) => Effect.sync(() => RequestContext.put(fiber, Note, "a note")))
      assert.strictEqual((yield* Effect.serviceOption(Note))._tag, "None")
    })
  )

  it.scopedLive("leaves the runtime of the server as it was", () =>
    Effect.gen(function* () {
      const runtime = yield* Effect.runtime<never>()
      const before = [...runtime.context.unsafeMap.keys()]
      const server = yield* Http.start(Registrar.serve(HttpLayerRouter.add("GET", "/*", told), quiet))
      yield* server.request("GET", "/")
      assert.deepStrictEqual([...runtime.context.unsafeMap.keys()], before)
    })
  )
})

describe("the id of a request that is handed on with its context", () => {
  const failing = HttpErrors.handle(new BuiltInErrors.NotFound())

  it.scopedLive("is not that of the requests inside of it", () =>
    Effect.gen(function* () {
      const inner = (url: string) =>
        Effect.provideService(
          failing,
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request(`http://localhost${url}`))
        )
      const outer = Effect.map(Effect.all([inner("/1"), inner("/2")]), (answers) =>
        HttpServerResponse.text(answers.map(({ headers }) => headers["x-request-id"]).join(" "))
      )
      const server = yield* Http.start(Registrar.serve(HttpLayerRouter.add("GET", "/", outer), quiet))
      const [first, second] = (yield* server.request("GET", "/")).body.split(" ")
      assert.match(String(first), /^[0-9a-f]{16}$/)
      assert.notStrictEqual(first, second)
    })
  )

  it.scopedLive("is not that of later requests of a handler that keeps it", () =>
    Effect.gen(function* () {
      let kept: ((request: Request) => Promise<Response>) | undefined
      const outer = Effect.gen(function* () {
        const runtime = yield* Effect.runtime<ErrorRegistry>()
        kept ??= HttpApp.toWebHandlerRuntime(runtime)(failing)
        const answer = yield* Effect.promise(() => kept!(new Request("http://localhost/")))
        return HttpServerResponse.text(answer.headers.get("x-request-id") ?? "none")
      })
      const server = yield* Http.start(Registrar.serve(HttpLayerRouter.add("GET", "/", outer), quiet))
      const ids = [(yield* server.request("GET", "/")).body, (yield* server.request("GET", "/")).body]
      assert.notStrictEqual(ids[0], ids[1])
    })
  )
})
