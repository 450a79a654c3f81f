/**
 * Runs the steps of a handler or hook.
 */
import { HttpServerRequest, HttpServerResponse } from "@effect/platform"
import type { HttpBody, HttpServerError } from "@effect/platform"
import { AuditContext, AuditLog, ErrorRegistry } from "effect-registrar"
import type { AuditRegistry } from "effect-registrar"
import { Cause, Context, Effect, Exit, LogLevel, Predicate, Schema, Stream } from "effect"
import type { ParseResult } from "effect"
import { format } from "node:util"
import * as Classes from "./classes.js"
import type { Step } from "./stepFormat.js"
import * as Levels from "./levels.js"
import type { Register } from "./registrations.js"
import { evaluate, evaluateText, type Names } from "./values.js"

/** What belongs to the request that is handled. */
export class Play extends Context.Tag("conformance/Play")<
  Play,
  { readonly index: number; readonly named: Map<string, unknown>; user: string | undefined }
>() {}

/** The failures that `attempt` has swallowed, and whether it would swallow the next one. */
export interface Attempts {
  readonly caught: Array<string>
  readonly attempting: boolean
}

type Failure = ErrorRegistry.Aborted | HttpServerError.RequestError | ParseResult.ParseError | HttpBody.HttpBodyError

type Services =
  | Play
  | HttpServerRequest.HttpServerRequest
  | AuditLog.AuditLog
  | ErrorRegistry.ErrorRegistry
  | AuditRegistry.AuditRegistry

/** The answer, or nothing when the steps are through without one. */
type Run = Effect.Effect<HttpServerResponse.HttpServerResponse | undefined, Failure, Services>

export type RunSteps = (steps: ReadonlyArray<Step> | undefined, attempts?: Attempts) => Run

type StepOf<Do extends Step["do"]> = Extract<Step, { readonly do: Do }>

export const make = (classes: Classes.Classes, register: Register): RunSteps => {
  const runSteps: RunSteps = (steps = [], attempts = { caught: [], attempting: false }) =>
    Effect.gen(function* () {
      for (const step of steps) {
        const answer = yield* runStep(step, attempts)
        if (answer !== undefined) return answer
      }
      return undefined
    })

  const runStep = (step: Step, attempts: Attempts): Run =>
    Effect.flatMap(Play, (play) => {
      switch (step.do) {
        case "set_user":
          return silently(() => (play.user = step.user ?? undefined))
        case "audit":
          return addEvent(step, play, attempts)
        case "abort":
          return abort(step, play)
        case "raise":
          return raise(step, play)
        case "raise_http":
          return ErrorRegistry.abort(step.status as number, textOf(step.description, play))
        case "respond":
          return respond(step, play)
        case "read_json":
          return readJson
        case "app_log":
          return log(step, play)
        case "attempt":
          return attempt(runSteps(step.steps, { ...attempts, attempting: true }), attempts)
        case "if_header":
          return Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
            runSteps(headers[step.name.toLowerCase()] === step.equals ? step.then : step.else, attempts)
          )
        case "let":
          return silently(() => play.named.set(step.name, evaluate(step.value, play)))
        case "assign":
          return silently(() => assign(play.named.get(step.name), step.at, evaluate(step.value, play)))
        case "register":
          // Refused while the application runs, it is a mistake of the program.
          return Effect.as(Effect.orDie(register(step.registration)), undefined)
        case "stream":
          return stream(step, play, runSteps(step.then))
        case "pause_ms":
          return Effect.as(Effect.sleep(step.ms), undefined)
      }
    })

  /** What is thrown by the framework in the original is an `abort` here. */
  const raise = (step: StepOf<"raise">, names: Names): Run => {
    const { http } = Classes.get(classes, step.exception)
    if (http === undefined) return Effect.die(Classes.instance(classes, step, names))
    const status = http.status ?? Number.NaN
    if (step.text !== undefined) return ErrorRegistry.abort(status, textOf(step.text, names))
    // The text of the class is a default, as the framework's own for a status is: a registered one comes first.
    return Effect.flatMap(ErrorRegistry.ErrorRegistry, (registry) =>
      ErrorRegistry.abort(status, registry.errorFor(status) === undefined ? { description: http.description } : {})
    )
  }

  const log = (step: StepOf<"app_log">, names: Names): Run => {
    const message = evaluate(step.message, names)
    const args = (step.args ?? []).map((arg) => evaluate(arg, names))
    const level = LogLevel.fromLiteral(Levels.level(step.level) ?? "Info")
    const { error } = step
    const cause =
      error === undefined || error === "$flag_without_error"
        ? Cause.empty
        : Cause.fail(Classes.instance(classes, error, names))
    return Effect.logWithLevel(level, args.length === 0 ? message : format(message, ...args), cause).pipe(
      Effect.annotateLogs({
        module: step.logger === "" ? "root" : (step.logger ?? "scs"),
        ...(evaluate(step.extra ?? {}, names) as Record<string, unknown>),
        ...(step.stack === true ? { stack: new Error("here").stack } : {})
      }),
      Effect.as(undefined)
    )
  }

  return runSteps
}

const silently = (act: () => unknown): Run => Effect.as(Effect.sync(act), undefined)

const addEvent = (
  step: StepOf<"audit">,
  play: typeof Play.Service,
  { attempting }: Attempts
): Effect.Effect<undefined, never, AuditLog.AuditLog> =>
  Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    const fields = evaluate(step.fields ?? {}, play) as Record<string, unknown>
    const add = audit.addByType(step.type as string, fields)
    const added = play.user === undefined ? add : AuditContext.withUser(play.user)(add)
    // Whoever attempts it wants to know. Otherwise what the handler is there for goes on.
    if (attempting) yield* Effect.orDie(added)
    else {
      yield* Effect.catchAll(added, (rejected) =>
        Effect.annotateLogs(Effect.logError(rejected.message, Cause.fail(rejected)), "module", "scs")
      )
    }
    return undefined
  })

const abort = (step: StepOf<"abort">, names: Names): Run => {
  const headers = {
    ...(step.retry_after === undefined ? {} : { "retry-after": evaluateText(step.retry_after, names) }),
    ...(step.www_authenticate === undefined ? {} : { "www-authenticate": `Basic realm="${step.www_authenticate}"` }),
    ...(step.valid_methods === undefined ? {} : { allow: step.valid_methods.join(", ") })
  }
  return ErrorRegistry.abort(step.code as number, { ...textOf(step.description, names), headers })
}

/** A description is text, or an object with an id, which should be text and in some cases is not. */
const textOf = (description: unknown, names: Names): { readonly id?: string; readonly description?: string } => {
  const given = evaluate(description, names)
  if (given === undefined || given === null) return {}
  if (!Predicate.isRecord(given)) return { description: evaluateText(description, names) }
  return "id" in given ? { id: evaluateText(given["id"], names) } : {}
}

const respond = (step: StepOf<"respond">, names: Names): Run => {
  const options = { status: step.status ?? 200, headers: step.headers ?? {} }
  if (step.json !== undefined) return HttpServerResponse.json(evaluate(step.json, names), options)
  const text = step.text === undefined ? "" : evaluateText(step.text, names)
  const contentType = options.headers["content-type"] ?? options.headers["Content-Type"] ?? "text/plain; charset=utf-8"
  return Effect.succeed(HttpServerResponse.text(text, { ...options, contentType }))
}

/** An empty body is no JSON, so it is read as text. */
const readJson: Run = HttpServerRequest.HttpServerRequest.pipe(
  Effect.flatMap((request) => request.text),
  Effect.flatMap(Schema.decodeUnknown(Schema.parseJson())),
  Effect.as(undefined)
)

const attempt = (steps: Run, { caught }: Attempts): Run =>
  Effect.flatMap(Effect.exit(steps), (exit) => {
    if (Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return exit
    caught.push(nameOf(Cause.squash(exit.cause)))
    return Effect.succeed(undefined)
  })

const nameOf = (failure: unknown): string => (failure instanceof Error ? failure.name : typeof failure)

const assign = (target: unknown, at: ReadonlyArray<string | number>, value: unknown) => {
  const last = at.at(-1)
  // Cases assign only to what is there.
  const holder = at.slice(0, -1).reduce((from, key) => (from as Record<string | number, unknown>)[key], target)
  if (last !== undefined) (holder as Record<string | number, unknown>)[last] = value
}

/** The steps run while the body is sent, when the response has long been made. */
const stream = (step: StepOf<"stream">, names: Names, then: Run): Run =>
  Effect.map(Effect.context<Services>(), (context) =>
    HttpServerResponse.stream(
      Stream.fromIterable(step.chunks.map((chunk) => evaluateText(chunk, names))).pipe(
        Stream.encodeText,
        Stream.concat(Stream.execute(Effect.provide(then, context)))
      ),
      { contentType: "text/html; charset=utf-8" }
    )
  )
