/**
 * The audit trail, as handlers see it: `add` and `require`.
 *
 * An event is checked, rendered and taken in at once; one writer fiber hands whatever is waiting to the sink. Events of one
 * request stay in order and keep what they were when they were added. No event is lost because of what it carries: a value
 * that does not fit its Schema is recorded in its JSON form, and the application log says so.
 *
 * @example
 * import { AuditEvent, AuditLog, AuditSink, Extension, Registrar } from "effect-registrar"
 * import { Effect, Layer } from "effect"
 *
 * const Cleaned = AuditEvent.make("cleanup-done", { level: "Info", message: "{count} files were removed" })
 * const Cleanup = Extension.make("cleanup", { auditEvents: [Cleaned] })
 *
 * const job = Effect.gen(function* () {
 *   const audit = yield* AuditLog.AuditLog
 *   yield* audit.add(Cleaned, { count: 3 })
 * })
 *
 * const runnable = job.pipe(
 *   Effect.provide(Cleanup.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(AuditSink.console)))
 * )
 */
import { Cause, Clock, Console, Context, Data, DateTime, Effect, Layer, Option } from "effect"
import type { Duration, Fiber, Scope } from "effect"
import { AuditContext } from "./AuditContext.js"
import * as AuditEvent from "./AuditEvent.js"
import * as AuditRecord from "./AuditRecord.js"
import { AuditRegistry } from "./AuditRegistry.js"
import { AuditSink, type Batch } from "./AuditSink.js"
import { AuditUnavailable } from "./BuiltInErrors.js"
import { EventsDropped } from "./BuiltInEvents.js"
import type { IsLiteral } from "./internal/literal.js"
import * as Writer from "./internal/writer.js"
import * as MessageTemplate from "./MessageTemplate.js"
import type { Registered } from "./Registration.js"

/**
 * What adding the event asks of its surroundings: that it is registered and, where its message names `{ip}` or `{path}`, that
 * there is an `AuditContext`.
 *
 * @category type-level
 */
export type Requirements<E extends AuditEvent.Any> =
  | (IsLiteral<E["type"]> extends true ? Registered<E> : never)
  | (AuditEvent.NeedsContext<E> extends true ? AuditContext : never)

/** Without fields there is nothing to give: the compiler would take any object for an empty one. */
type Args<E extends AuditEvent.Any> = [keyof E["fields"]] extends [never]
  ? []
  : {} extends AuditEvent.Params<E>
    ? [params?: AuditEvent.Params<E>]
    : [params: AuditEvent.Params<E>]

/**
 * @category models
 */
export interface Service {
  /**
   * Takes the event in, in order, and never fails. It resumes at once; only a full queue holds it up until there is room
   * (`whenFull: "suspend"`). The event is written even if the caller fails or is interrupted meanwhile or afterwards.
   */
  readonly add: <E extends AuditEvent.Any>(event: E, ...params: Args<E>) => Effect.Effect<void, never, Requirements<E>>

  /**
   * Like `add`, but resumes only once the event is as safe as the sink can make it, and fails otherwise: so that a handler
   * can record its intent before it acts. The event may still be written later, when the sink works again.
   */
  readonly require: <E extends AuditEvent.Any>(
    event: E,
    ...params: Args<E>
  ) => Effect.Effect<void, AuditUnavailable, Requirements<E>>

  /**
   * For types known only at run time. Values without a field keep their JSON form in the details; those named `ip`, `path`
   * and `user` are ignored. Fails where `add` would not have compiled.
   */
  readonly addByType: (
    type: string,
    params: Readonly<Record<string, unknown>>
  ) => Effect.Effect<void, AuditEventRejected>

  /** Resumes once everything taken in before is as safe as the sink can make it, and fails where it cannot be written. */
  readonly flush: Effect.Effect<void, AuditUnavailable>
}

/**
 * @category services
 */
export class AuditLog extends Context.Tag("effect-registrar/AuditLog")<AuditLog, Service>() {}

/**
 * An event known only at run time that cannot be added: no such type is registered, or parameters are missing.
 *
 * @category errors
 */
export class AuditEventRejected extends Data.TaggedError("AuditEventRejected")<{
  readonly type: string
  readonly reason: "UnknownType" | "MissingParameters"
  readonly missing: ReadonlyArray<string>
}> {
  override get message() {
    return this.reason === "UnknownType"
      ? `No audit event of the type '${this.type}' is registered`
      : `The audit event '${this.type}' lacks the parameters ${this.missing.map((name) => `'${name}'`).join(", ")}`
  }
}

/**
 * @category models
 */
export interface Options {
  /** The `source` of every record: the name of the application. Default: `"app"`. */
  readonly source?: string | undefined
  /** Bounds of what waits to be written: records (10,000), and characters of their lines (16 Mi). */
  readonly capacity?: { readonly records?: number | undefined; readonly characters?: number | undefined } | undefined
  /**
   * What a full queue does to those who add: it takes the event in and holds them up until there is room, or takes nothing
   * more in. Either way memory is bounded: at twice the capacity nothing more is taken in. What is dropped is counted, said in the application
   * log, and written into the trail as a `registrar-events-dropped` record. Default: `"suspend"`.
   */
  readonly whenFull?: "suspend" | "drop" | undefined
  /**
   * How long is waited for a sink that does not answer, or for room. After it `require` fails and everything else goes on, and
   * until the sink stores something nobody waits again. Default: 10 seconds.
   */
  readonly waitAtMost?: Duration.DurationInput | undefined
  /** How long closing waits for what is not written yet. Default: 10 seconds. */
  readonly closeWithin?: Duration.DurationInput | undefined
}

/**
 * What a request added last, so that its response can wait for it: `settle` resumes once that is as safe as it can be made.
 *
 * @internal
 */
export class Added extends Context.Tag("effect-registrar/AuditLog/Added")<
  Added,
  { settle: Effect.Effect<void, AuditUnavailable> }
>() {}

/**
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<Service, never, AuditSink | AuditRegistry | Scope.Scope> =>
  Effect.gen(function* () {
    const sink = yield* AuditSink
    const registry = yield* AuditRegistry
    const source = options?.source ?? "app"
    const waitAtMost = options?.waitAtMost ?? "10 seconds"

    const record = (event: AuditEvent.Any, context: typeof AuditContext.Service, millis: number, params: object) =>
      AuditRecord.fromEvent(event, params, { source, date: DateTime.formatIso(DateTime.unsafeMake(millis)), context })

    // Said once per time of trouble: a line for each dropped event would flood the application log instead.
    let dropping = false
    const reportDropped = (event: AuditEvent.Any) => {
      if (dropping) return Effect.void
      dropping = true
      return Effect.logError(
        `Audit events are dropped, the first of them '${event.type}': the audit log is full or closed`
      )
    }

    const writer = yield* Writer.make({
      // The writer never hands over an empty batch.
      write: (batch: ReadonlyArray<AuditRecord.AuditRecord>) => sink.write(batch as Batch),
      capacity: {
        items: options?.capacity?.records ?? 10_000,
        size: options?.capacity?.characters ?? 16 * 1024 * 1024
      },
      whenFull: options?.whenFull ?? "suspend",
      dropped: (count) =>
        Effect.flatMap(Clock.currentTimeMillis, (millis) => {
          dropping = false
          const { record: account } = record(EventsDropped, {}, millis, { count })
          return Effect.as(Effect.logError(account.message), account)
        }),
      onFailure: (cause) => Effect.logError("The audit log cannot be written; it is tried again until it can", cause),
      onRecovery: Effect.logWarning("The audit log can be written again"),
      closeWithin: options?.closeWithin ?? "10 seconds",
      // Anything but silence: whoever collects the output of a program can still save them.
      onLoss: (count, records) =>
        Effect.logFatal(
          `${count} audit events could not be written before the end: as far as they were taken in, they follow on standard error`
        ).pipe(Effect.zipRight(Console.error(records.map(({ line }) => line).join("\n"))))
    })

    const accept = (fiber: Fiber.RuntimeFiber<unknown, unknown>, event: AuditEvent.Any, params: object) => {
      const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
      const context = Option.getOrElse(Context.getOption(fiber.currentContext, AuditContext), () => ({}))
      const { record: accepted, misfits } = record(event, context, clock.unsafeCurrentTimeMillis(), params)
      const position = writer.unsafeOffer(accepted, accepted.line.length)
      const added = Context.getOption(fiber.currentContext, Added)
      if (Option.isSome(added) && position > 0) added.value.settle = whenSafe(position)
      if (position === 0) return { position, report: reportDropped(event) }
      return { position, report: misfits.length === 0 ? undefined : reportMisfits(event, misfits) }
    }

    // Whoever has waited in vain has waited for all: until the sink stores something, nobody waits for it again.
    let stalledAt: Writer.Position | undefined
    const isStalled = () => stalledAt === writer.unsafeSafe()
    const stall = () => {
      stalledAt = writer.unsafeSafe()
    }

    const room = Effect.suspend(() =>
      writer.unsafeHasRoom() || isStalled()
        ? Effect.void
        : Effect.interruptible(writer.room).pipe(
            Effect.timeoutTo({ duration: waitAtMost, onSuccess: () => {}, onTimeout: stall })
          )
    )

    const add = (event: AuditEvent.Any, params: object = {}): Effect.Effect<void> =>
      Effect.withFiberRuntime((fiber) => {
        const { report } = accept(fiber, event, params)
        return report === undefined ? room : Effect.zipRight(report, room)
      })

    // Interruptible, or a wait within a finalizer could not be ended.
    const whenSafe = (position: Writer.Position): Effect.Effect<void, AuditUnavailable> =>
      Effect.suspend(() =>
        isStalled() && position > writer.unsafeSafe()
          ? new AuditUnavailable()
          : Effect.interruptible(writer.written(position)).pipe(
              Effect.timeoutFail({
                duration: waitAtMost,
                onTimeout: () => {
                  stall()
                  return new AuditUnavailable()
                }
              }),
              Effect.catchAllCause((cause) =>
                Cause.isInterruptedOnly(cause) ? Effect.interrupt : new AuditUnavailable()
              )
            )
      )

    const require = (event: AuditEvent.Any, params: object = {}): Effect.Effect<void, AuditUnavailable> =>
      Effect.withFiberRuntime((fiber) => {
        const { position, report = Effect.void } = accept(fiber, event, params)
        return Effect.zipRight(report, position === 0 ? new AuditUnavailable() : whenSafe(position))
      })

    const addByType: Service["addByType"] = (type, params) =>
      Effect.suspend(() => {
        const event = registry.eventOf(type)
        if (event === undefined) return new AuditEventRejected({ type, reason: "UnknownType", missing: [] })
        const missing = missingParameters(event, params)
        return missing.length > 0
          ? new AuditEventRejected({ type, reason: "MissingParameters", missing })
          : add(event, params)
      })

    return {
      // What the signatures ask for is a proof, or is looked up when it is there.
      add: add as Service["add"],
      require: require as Service["require"],
      addByType,
      flush: Effect.suspend(() => whenSafe(writer.unsafeLast()))
    }
  })

/**
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<AuditLog, never, AuditSink | AuditRegistry> =>
  Layer.scoped(AuditLog, make(options))

const missingParameters = (event: AuditEvent.Any, params: object): ReadonlyArray<string> =>
  MessageTemplate.parametersOf(event.template).filter(
    (name) => !AuditEvent.isContextName(name) && !hasOwn(params, name)
  )

/** A proxy is the application's code, and may throw. */
const hasOwn = (params: object, name: string): boolean => {
  try {
    return Object.hasOwn(params, name)
  } catch {
    return false
  }
}

const reportMisfits = (event: AuditEvent.Any, misfits: ReadonlyArray<string>) =>
  Effect.logWarning(`The audit event '${event.type}' was recorded with values that do not fit: ${misfits.join(", ")}`)
