/**
 * The application that a case describes, as Layers: registrations, routes, hooks, and the sinks of both logs.
 */
import { HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import type { HttpServer } from "@effect/platform"
import { ErrorRegistry, Logs, Registrar } from "effect-registrar"
import type { AuditEvent } from "effect-registrar"
import * as NodeServer from "effect-registrar/HttpErrors/Node"
import { Cause, Effect, Layer, Logger } from "effect"
import { createServer } from "node:http"
import { join } from "node:path"
import type { Classes } from "./classes.js"
import type { Route, Setup, Sinks } from "./format.js"
import * as Levels from "./levels.js"
import * as Registrations from "./registrations.js"
import * as Steps from "./steps.js"

export const auditFile = "audit.log.jsonl"
export const applicationFile = "app.log.jsonl"

/** The header by which a request says its number within the case. */
export const indexHeader = "x-conformance-index"

/** What became of a registration. */
export type Outcome =
  { readonly ok: true } | { readonly ok: false; readonly raised: { readonly type: string; readonly message: string } }

export interface Options {
  readonly setup: Setup
  readonly classes: Classes
  /** Where the files of both logs go. */
  readonly folder: string
  readonly trustedProxies: number
  /** Where the outcomes of the registrations go. */
  readonly outcomes: Array<Outcome>
}

/** Listens on a free port of the local machine. */
export const layer = (options: Options): Layer.Layer<HttpServer.HttpServer, unknown> => {
  const { setup, classes, folder } = options
  const register = Registrations.make(classes)
  const runSteps = Steps.make(classes, register)

  const registrations = Layer.effectDiscard(
    Effect.forEach(setup.registrations ?? [], (registration) =>
      Effect.map(outcomeOf(register(registration)), (outcome) => options.outcomes.push(outcome))
    )
  )
  const app = routes(setup.routes ?? [], runSteps).pipe(
    Layer.provide(hooks(setup, runSteps)),
    Layer.provide(registrations)
  )
  const logs = Logs.layer({
    source: setup.source_name,
    audit: destinations(setup.audit, join(folder, setup.audit.file?.subdir ?? "", auditFile)),
    application: destinations(setup.application, join(folder, setup.application.file?.subdir ?? "", applicationFile))
  })

  return Registrar.serve(app, {
    source: setup.source_name,
    trustedProxies: options.trustedProxies,
    // As the original's framework matches paths.
    routerConfig: {
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
      caseSensitive: true,
      maxParamLength: 4096
    },
    disableListenLog: true
  }).pipe(
    Layer.provide(Layer.merge(logs, withoutDefaultLogger)),
    Layer.provideMerge(NodeServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )
}

/** A file log stands beside Effect's own logger. The applications of the cases write to the console only where they say so. */
const withoutDefaultLogger = Logger.remove(Logger.defaultLogger)

const outcomeOf = <R>(registering: Effect.Effect<void, Registrations.Refused, R>): Effect.Effect<Outcome, never, R> =>
  Effect.match(registering, {
    onSuccess: (): Outcome => ({ ok: true }),
    onFailure: ({ _tag, message }): Outcome => ({ ok: false, raised: { type: _tag, message } })
  })

const destinations = ({ file, stdout }: Sinks, path: string): Logs.Destinations => ({
  file:
    file === undefined
      ? undefined
      : {
          path,
          level: sinkLevel(file.level),
          // No limit at all is what 0 says in the original, of either.
          maxBytes: file.max_size_mb * file.backup_count === 0 ? undefined : file.max_size_mb * 1024 * 1024,
          keep: { files: file.backup_count }
        },
  console: stdout === undefined ? undefined : { level: sinkLevel(stdout.level) }
})

const sinkLevel = (level: string | number): AuditEvent.Level => Levels.level(level) ?? "Info"

/** Before, after and at the end of every request, one for an unknown path or method included. */
const hooks = (setup: Setup, runSteps: Steps.RunSteps) =>
  HttpLayerRouter.middleware<{ provides: Steps.Play }>()(
    (handler) =>
      Effect.gen(function* () {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const play = { index: Number(headers[indexHeader] ?? 0), named: new Map<string, unknown>(), user: undefined }
        const before = Effect.provideService(runSteps(setup.before), Steps.Play, play)
        const after = Effect.provideService(runSteps(setup.after), Steps.Play, play)
        const teardown = Effect.provideService(runSteps(setup.teardown), Steps.Play, play)

        yield* Effect.addFinalizer(() =>
          Effect.catchAllCause(teardown, (cause) =>
            Effect.annotateLogs(Effect.logError("A teardown hook failed", cause), "module", "scs")
          )
        )
        return yield* before.pipe(
          Effect.flatMap((answer) =>
            answer === undefined ? Effect.provideService(handler, Steps.Play, play) : Effect.succeed(answer)
          ),
          Effect.matchCauseEffect({
            onSuccess: (response) => Effect.map(after, (answer) => answer ?? response),
            onFailure: (cause) =>
              Cause.isInterruptedOnly(cause)
                ? Effect.failCause(cause)
                : Effect.flatMap(after, (answer) =>
                    answer === undefined ? Effect.failCause(cause) : Effect.succeed(answer)
                  )
          })
        )
      }),
    { global: true }
  )

const routes = (all: ReadonlyArray<Route>, runSteps: Steps.RunSteps) =>
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const taken = new Set<string>()
      /** Of two handlers for the same, the original takes the first. */
      const isFree = (method: string, path: string) => {
        const key = `${method} ${path.replaceAll(/<[^>]*>/g, "<>")}`
        return !taken.has(key) && taken.add(key)
      }
      for (const route of all) {
        for (const method of route.methods) {
          // HEAD is answered by the handler of GET.
          if (method === "HEAD" || !isFree(method, route.path)) continue
          yield* router.add(method, pattern(route.path), handler(route, runSteps))
        }
      }
      for (const { path } of all) {
        const methods = methodsOf(all, path)
        if (automaticOptions(all, path) || !isFree("OPTIONS", path)) continue
        yield* router.add(
          "OPTIONS",
          pattern(path),
          ErrorRegistry.abort(405, { headers: { allow: methods.join(", ") } })
        )
      }
      for (const { path } of all) {
        // Where a path ends with a slash, the original's router sends whoever forgets it there.
        const without = path.replace(/\/$/, "")
        if (without === path || without === "" || all.some((route) => route.path === without)) continue
        if (!isFree("*", without)) continue
        yield* router.add("*", pattern(without), redirect)
      }
    })
  )

const handler = (route: Route, runSteps: Steps.RunSteps) =>
  Effect.suspend(() => {
    const caught: Array<string> = []
    return Effect.flatMap(runSteps(route.steps, { caught, attempting: false }), (answer) =>
      answer === undefined
        ? HttpServerResponse.json(caught.length === 0 ? { ok: true } : { ok: true, caught })
        : Effect.succeed(answer)
    )
  })

const methodsOf = (all: ReadonlyArray<Route>, path: string) => {
  const methods = all.filter((route) => route.path === path).flatMap((route) => route.methods)
  return [...new Set([...methods, ...(methods.includes("GET") ? ["HEAD" as const] : [])])].sort()
}

const automaticOptions = (all: ReadonlyArray<Route>, path: string) =>
  all.some((route) => route.path === path && route.auto_options !== false)

/** `<name>` is one segment that is not empty, a parameter that no step looks at; a colon is written twice. */
const pattern = (path: string): HttpLayerRouter.PathInput => {
  let parameters = 0
  return `/${path
    .slice(1)
    .replaceAll(":", "::")
    .replaceAll(/<[^>]*>/g, () => `:p${parameters++}(^.+$)`)}`
}

const redirect = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers, originalUrl }) => {
  const [path, query] = originalUrl.split("?", 2)
  const location = `http://${headers["host"] ?? "localhost"}${path}/${query === undefined ? "" : `?${query}`}`
  return HttpServerResponse.html(`<!doctype html><title>Redirecting</title><a href="${location}">${location}</a>`).pipe(
    HttpServerResponse.setStatus(308),
    HttpServerResponse.setHeader("location", location)
  )
})
