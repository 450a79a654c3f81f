/**
 * The audit trail, as handlers see it: `add`, `require` and `around`.
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
import { Cause, Clock, Console, Context, Data, DateTime, Effect, Exit, Layer } from "effect"
import type { Duration, Fiber, Scope } from "effect"
import { AuditContext } from "./AuditContext.js"
import * as AuditEvent from "./AuditEvent.js"
import * as AuditRecord from "./AuditRecord.js"
import { AuditRegistry } from "./AuditRegistry.js"
import { AuditSink, isOfLines, type Batch, type Durability } from "./AuditSink.js"
import { AuditUnavailable } from "./BuiltInErrors.js"
import * as BuiltInEvents from "./BuiltInEvents.js"
import type { HmacKey } from "./HmacKey.js"
import { Added } from "./internal/added.js"
import * as Around from "./internal/around.js"
import * as AuditMetrics from "./internal/auditMetrics.js"
import * as Collapse from "./internal/collapse.js"
import type { IsLiteral } from "./internal/literal.js"
import * as Patience from "./internal/patience.js"
import * as Trace from "./internal/trace.js"
import * as Writer from "./internal/writer.js"
import * as MessageTemplate from "./MessageTemplate.js"
import type { Registered } from "./Registration.js"
import * as Say from "./internal/say.js"

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
   * Takes the event in, in order, and never fails. It resumes at once, unless it is told to wait (`addWaitsFor`) or the queue
   * is full (`whenFull`). The event is written even if the caller fails or is interrupted meanwhile or afterwards.
   */
  readonly add: <E extends AuditEvent.Any>(event: E, ...params: Args<E>) => Effect.Effect<void, never, Requirements<E>>

  /**
   * Like `add`, but resumes only once the event is durable, and fails otherwise: so that a handler can record its intent
   * before it acts. The event may still be written later, when the sink works again.
   */
  readonly require: <E extends AuditEvent.Any>(
    event: E,
    ...params: Args<E>
  ) => Effect.Effect<void, AuditUnavailable, Requirements<E>>

  /**
   * Records an act twice: the event, as its intent, is durable before the act begins, and how it ended is recorded after it,
   * whether it succeeded, failed, died or was interrupted. Both records carry the same `intent`, and the outcomes are in
   * `BuiltInEvents`. Where the intent cannot be made durable the act is not begun, and a record says so, because the intent
   * may still be written later.
   */
  readonly around: <E extends AuditEvent.Any>(
    event: E,
    ...params: Args<E>
  ) => <A, E2, R>(act: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2 | AuditUnavailable, R | Requirements<E>>

  /**
   * For types known only at run time. Values without a field keep their JSON form in the details; those named `ip`, `path`
   * and `user` are ignored. Fails where `add` would not have compiled.
   */
  readonly addByType: (
    type: string,
    params: Readonly<Record<string, unknown>>
  ) => Effect.Effect<void, AuditEventRejected>

  /**
   * Resumes once everything taken in before is durable, summaries of what was collapsed included, and fails where it cannot
   * be made so.
   */
  readonly flush: Effect.Effect<void, AuditUnavailable>

  /** What became of all events so far. The same numbers are Effect Metrics. */
  readonly account: Effect.Effect<Account>
}

/**
 * What became of the events that were added. `accepted = durable + dropped + pending` holds at every moment.
 *
 * @category models
 */
export interface Account {
  /** All that were added, and summaries of collapsed ones. Those which were only counted are not among them. */
  readonly accepted: number
  readonly durable: number
  /** Given up because the queue was full, or closed. The `registrar-events-dropped` records of the trail add up to it. */
  readonly dropped: number
  /** Taken in, and not durable yet. */
  readonly pending: number
  /** Only counted. The `registrar-events-collapsed` records add up to it, once the last window has ended. */
  readonly collapsed: number
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
 * What happens to an event where the queue is full. `"suspend"`: it is taken in, and the one who adds it is held up until there
 * is room. `"drop-new"`: it is dropped. `"drop-old"`: the oldest event with this policy that is not being written yet is dropped
 * instead; where there is none, the new one is.
 *
 * @category models
 */
export type WhenFull = "suspend" | "drop-new" | "drop-old"

/**
 * @category models
 */
export interface Options {
  /** The `source` of every record: the name of the application. It also tells the Metrics of two audit logs apart. Default: `"app"`. */
  readonly source?: string | undefined
  /**
   * What `add` waits for. `"accepted"` is nothing but room in the queue, where that is the policy. For the others it waits at
   * most for `waitAtMost`, and not at all while the sink fails: `add` never fails. Default: `"accepted"`.
   */
  readonly addWaitsFor?: Durability | undefined
  /** Bounds of what waits to be written: records (10,000), and characters of their lines (16 Mi). */
  readonly capacity?: { readonly records?: number | undefined; readonly characters?: number | undefined } | undefined
  /**
   * What a full queue does, for all events or by level: levels that are not named suspend. Memory is bounded in any case: at
   * twice the capacity nothing more is taken in, unless an older event gives way to it. What is dropped is counted, said in the application
   * log, and written into the trail as a `registrar-events-dropped` record. Events that `require` and `around` record never
   * give way to newer ones. Default: `"suspend"`.
   */
  readonly whenFull?: WhenFull | { readonly [L in AuditEvent.Level]?: WhenFull | undefined } | undefined
  /**
   * How long is waited for a sink that does not answer, or for room. After it `require` fails and everything else goes on, and
   * until the sink stores something nobody waits again. Default: 10 seconds.
   */
  readonly waitAtMost?: Duration.DurationInput | undefined
  /** How long closing waits for what is not written yet. Default: 10 seconds. */
  readonly closeWithin?: Duration.DurationInput | undefined
  /**
   * The key for fields that are marked with `Privacy.hmac`. Without it they are masked, and the application log says so.
   * `Registrar.serve` does not start then.
   */
  readonly hmacKey?: HmacKey | undefined
}

/** How an event is taken in. */
interface How {
  /** Counts instead of recording, where its declaration says so. */
  readonly mayCollapse: boolean
  /** Never gives way to a newer event. */
  readonly kept: boolean
  /** Instead of that of its level. */
  readonly policy?: WhenFull
  readonly intent?: string
}

const added: How = { mayCollapse: true, kept: false }
const required: How = { mayCollapse: false, kept: true }

/**
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, never, AuditSink | AuditRegistry | Scope.Scope> =>
  Effect.gen(function* () {
    const sink = yield* AuditSink
    const registry = yield* AuditRegistry
    const { addWaitsFor = "accepted", capacity, hmacKey, source = "app", whenFull = "suspend" } = options
    const metrics = AuditMetrics.make(source)
    const policyOf = (level: AuditEvent.Level) =>
      typeof whenFull === "string" ? whenFull : (whenFull[level] ?? "suspend")

    const contentsOf = (
      event: AuditEvent.Any,
      context: typeof AuditContext.Service,
      millis: number,
      params: object,
      intent?: string,
      trace?: Trace.Trace
    ) => AuditRecord.contentsOf(event, params, { source, date: dateOf(millis), context, intent, trace, hmacKey })

    /** Of what waits there may be many, and so it is as little as the sink needs. */
    const recordOf: (contents: AuditRecord.Contents) => Taken = isOfLines(sink)
      ? (contents) => ({ level: contents.level, line: AuditRecord.lineOf(contents) })
      : AuditRecord.make

    let lastMillis = NaN
    let lastDate = ""
    /** Under load many events have the same one. */
    const dateOf = (millis: number): string => {
      if (millis !== lastMillis) lastDate = formatMillis((lastMillis = millis))
      return lastDate
    }

    // Said once per time of trouble: a line for each dropped event would flood the application log instead.
    let dropping = false
    let firstDropped: string | undefined
    const reportDropped = Effect.suspend(() => {
      const type = firstDropped
      firstDropped = undefined
      return Say.error(`Audit events are dropped, the first of them '${type}': the audit log is full or closed`)
    })

    /** What is to be said, if anything, and before it what was dropped. */
    const withDropped = (report: Effect.Effect<void> | undefined): Effect.Effect<void> | undefined => {
      if (firstDropped === undefined) return report
      return report === undefined ? reportDropped : Effect.zipRight(reportDropped, report)
    }

    const unkeyed = new Set<string>()

    /** The key is missing for all events of the type, and so it is said once. */
    const withUnkeyed = (type: string, report: Effect.Effect<void> | undefined): Effect.Effect<void> | undefined => {
      if (unkeyed.has(type)) return report
      unkeyed.add(type)
      return Effect.zipRight(reportUnkeyed(type), report ?? Effect.void)
    }

    const countFailure = Effect.tapErrorCause(() => Effect.sync(() => metrics.failures(1)))

    const writer = yield* Writer.make({
      // The writer never hands over an empty batch, and to no sink less than it reads.
      write: (batch: ReadonlyArray<Taken>) => countFailure(Effect.suspend(() => sink.write(batch as Batch))),
      sync: countFailure(sink.sync),
      capacity: { items: capacity?.records ?? 10_000, size: capacity?.characters ?? 16 * 1024 * 1024 },
      dropped: (count) =>
        Effect.flatMap(Clock.currentTimeMillis, (millis) => {
          dropping = false
          const { contents } = contentsOf(BuiltInEvents.EventsDropped, {}, millis, { count })
          return Effect.as(Say.error(contents.message), recordOf(contents))
        }),
      onDropped: ({ line }) => {
        metrics.dropped(1)
        if (!dropping) firstDropped = typeOf(line)
        dropping = true
      },
      onDurable: (count) => {
        metrics.durable(count)
        metrics.pending(writer.unsafePending())
        metrics.outage(0)
      },
      onFailure: (cause) => {
        metrics.outage(1)
        return Say.error("The audit log cannot be written; it is tried again until it can", cause)
      },
      onRecovery: Say.warning("The audit log can be written again"),
      closeWithin: options.closeWithin ?? "10 seconds",
      // Anything but silence: whoever collects the output of a program can still save them.
      onLoss: (count, records) =>
        Say.fatal(
          `${count} audit events could not be written before the end: as far as they were taken in, they follow on standard error`
        ).pipe(Effect.zipRight(Console.error(records.map(({ line }) => line).join("\n"))))
    })

    const offer = (taken: Taken, policy: WhenFull, kept: boolean): Writer.Position => {
      metrics.accepted(1)
      const position = writer.unsafeOffer(taken, taken.line.length, policy, kept)
      metrics.pending(writer.unsafePending())
      return position
    }

    const collapse = yield* Collapse.make<Counted>({
      capacity: { kinds: 10_000, size: 16 * 1024 * 1024 },
      summarise: ({ kept, ...counted }, now) => {
        // It stands for many, and is not to be dropped as one.
        if (!writer.unsafeTakesMore()) return false
        const { event, context, params } = summaryOf(kept, counted)
        return offer(recordOf(contentsOf(event, context, now, params).contents), "suspend", true) > 0
      },
      onLoss: (count) => Say.fatal(`${count} audit events were only counted, and are lost`)
    })

    const accept = (fiber: Fiber.RuntimeFiber<unknown, unknown>, event: AuditEvent.Any, params: object, how: How) => {
      const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
      const now = clock.unsafeCurrentTimeMillis()
      const context = Context.getOrElse(fiber.currentContext, AuditContext, unknownContext)
      const { contents, isUnkeyed, misfits } = contentsOf(event, context, now, params, how.intent, Trace.of(fiber))
      const { details } = contents.event
      const kind = how.mayCollapse ? Collapse.kindOf(event.type, event.collapse, details) : undefined
      metrics.added(event.type)
      if (kind !== undefined && collapse.unsafeCount(kind, now)) {
        metrics.collapsed(1)
        return { position: 0, report: withDropped(undefined) }
      }
      const taken = recordOf(contents)
      const position = offer(taken, how.policy ?? policyOf(event.level), how.kept)
      if (position > 0) {
        if (kind !== undefined) collapse.unsafeOpen(kind, { event, details }, taken.line.length, now)
        const request = Context.getOrElse(fiber.currentContext, Added, () => undefined)
        if (request !== undefined) request.untilSafe = (stage) => Effect.ignore(reached(position, stage))
      }
      const report = misfits.length > 0 ? reportMisfits(event, misfits) : undefined
      return { position, report: withDropped(isUnkeyed ? withUnkeyed(event.type, report) : report) }
    }

    const patience = yield* Patience.make({
      atMost: options.waitAtMost ?? "10 seconds",
      progress: () => writer.unsafeReached("durable"),
      onInVain: () => metrics.outage(1)
    })

    const unavailable = Effect.suspend(() => new AuditUnavailable())

    /** Where an event was taken in, until it is so safe. */
    const reached = (position: Writer.Position, stage: Writer.Stage): Effect.Effect<void, AuditUnavailable> =>
      position <= writer.unsafeReached(stage)
        ? Effect.void
        : patience.wait(writer.reached(position, stage), outcomeOf, unavailable)

    const outcomeOf = (exit: Exit.Exit<void, unknown>): Effect.Effect<void, AuditUnavailable> =>
      Exit.isSuccess(exit) ? Effect.void : Cause.isInterruptedOnly(exit.cause) ? Effect.interrupt : unavailable

    const room = patience.wait(writer.room, (exit) => exit, Effect.void)

    /** What `add` waits for after it has taken an event in. */
    const held = (position: Writer.Position, policy: WhenFull): Effect.Effect<void> => {
      const untilRoom = policy === "suspend" && !writer.unsafeHasRoom() ? room : Effect.void
      return addWaitsFor === "accepted" || position === 0
        ? untilRoom
        : Effect.zipRight(Effect.ignore(reached(position, addWaitsFor)), untilRoom)
    }

    /** Takes the event in, at once and whatever happens to the fiber; what comes then is told where. */
    const takeIn = <A, E>(
      event: AuditEvent.Any,
      params: object,
      how: How,
      then: (position: Writer.Position) => Effect.Effect<A, E>
    ): Effect.Effect<A, E> =>
      Effect.withFiberRuntime((fiber) => {
        const { position, report } = accept(fiber, event, params, how)
        return report === undefined ? then(position) : Effect.flatMap(report, () => then(position))
      })

    const untilDurable = (position: Writer.Position): Effect.Effect<void, AuditUnavailable> =>
      position === 0 ? unavailable : reached(position, "durable")

    const add = (event: AuditEvent.Any, params: object = {}): Effect.Effect<void> =>
      takeIn(event, params, added, (position) => held(position, policyOf(event.level)))

    const require = (event: AuditEvent.Any, params: object = {}): Effect.Effect<void, AuditUnavailable> =>
      takeIn(event, params, required, untilDurable)

    const around = (event: AuditEvent.Any, params: object = {}) =>
      Around.around<AuditUnavailable>({
        announce: (intent) =>
          takeIn(event, params, { ...required, intent }, (position) =>
            position === 0 ? unavailable : Effect.succeed(untilDurable(position))
          ),
        conclude: (intent, { _tag, ...error }) =>
          // As long as anything is taken in, so that a full queue does not leave an intent without its outcome.
          takeIn(
            outcomes[_tag],
            { event: event.type, ...error },
            { ...required, policy: "suspend", intent },
            (position) => Effect.succeed(held(position, "suspend"))
          )
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
      around: around as Service["around"],
      addByType,
      flush: Effect.zipRight(
        collapse.summariseAll,
        Effect.suspend(() => reached(writer.unsafeLast(), "durable"))
      ),
      account: Effect.sync(() => ({ ...writer.unsafeAccount(), collapsed: collapse.unsafeCounted() }))
    }
  })

/**
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<AuditLog, never, AuditSink | AuditRegistry> =>
  Layer.scoped(AuditLog, make(options))

/**
 * `around` of the `AuditLog` in the context.
 *
 * @example
 * import { AuditEvent, AuditLog } from "effect-registrar"
 * import { Effect } from "effect"
 *
 * const KeyDeletion = AuditEvent.make("keys-deletion", { level: "Info", message: "{user} deletes the key {id}" })
 *
 * const deleteKey = (id: string) =>
 *   Effect.log(`deleting ${id}`).pipe(AuditLog.around(KeyDeletion, { id }))
 *
 * @category combinators
 */
export const around =
  <E extends AuditEvent.Any>(event: E, ...params: Args<E>) =>
  <A, E2, R>(act: Effect.Effect<A, E2, R>): Effect.Effect<A, E2 | AuditUnavailable, R | AuditLog | Requirements<E>> =>
    Effect.flatMap(AuditLog, (audit) => audit.around(event, ...params)(act))

const outcomes: Record<Around.Outcome["_tag"], AuditEvent.Any> = {
  succeeded: BuiltInEvents.ActSucceeded,
  failed: BuiltInEvents.ActFailed,
  died: BuiltInEvents.ActDied,
  interrupted: BuiltInEvents.ActInterrupted,
  "not-attempted": BuiltInEvents.ActNotAttempted
}

/** That of what has no request, and was given none. */
const unknownContext = (): typeof AuditContext.Service => ({})

/** What waits to be stored: a record or, where the sink reads nothing else, its line. */
type Taken = Pick<AuditRecord.AuditRecord, "level" | "line">

const typeOf = (line: string): string => (JSON.parse(line) as AuditRecord.Contents).event.type

/** The event that others of its kind are counted after. */
interface Counted {
  readonly event: AuditEvent.Any
  readonly details: AuditRecord.Contents["event"]["details"]
}

/** Of the context, what all of them have in common. */
const summaryOf = (
  { event, details }: Counted,
  counted: { readonly count: number; readonly first: number; readonly last: number }
) => {
  const { count, first, last } = counted
  const { by = AuditEvent.contextNames } = event.collapse ?? {}
  const common = AuditEvent.contextNames.filter((name) => by.includes(name) && typeof details[name] === "string")
  return {
    // As severe as what it stands for, so that filters treat it alike.
    event: { ...BuiltInEvents.EventsCollapsed, level: event.level },
    context: Object.fromEntries(common.map((name) => [name, details[name] as string])),
    params: {
      event: event.type,
      count,
      first: formatMillis(first),
      last: formatMillis(last),
      details
    }
  }
}

const formatMillis = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))

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
  Say.warning(`The audit event '${event.type}' was recorded with values that do not fit: ${misfits.join(", ")}`)

const reportUnkeyed = (type: string) =>
  Say.warning(
    `The audit event '${type}' has fields that should be pseudonyms, and are masked because there is no key: give the option hmacKey`
  )
