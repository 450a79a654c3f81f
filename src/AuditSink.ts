/**
 * Where audit records go.
 *
 * A sink writes batches, and says when they are durable. Sinks are Layers, and compose as such: `combine` writes to several,
 * `filter` keeps what is important enough, `bestEffort` makes a sink optional. The file sink lives in `AuditSink/File`.
 *
 * @example
 * import { AuditSink } from "effect-registrar"
 * import * as FileSink from "effect-registrar/AuditSink/File"
 *
 * const sink = AuditSink.combine(
 *   FileSink.layer({ path: "audit.log.jsonl" }),
 *   AuditSink.console.pipe(AuditSink.filter("Error"), AuditSink.bestEffort())
 * )
 */
import { Array as Arr, Chunk, Console, Context, Data, Effect, Exit, Fiber, Layer, Mailbox, Ref } from "effect"
import type { Duration } from "effect"
import type { Format } from "./AuditFormat.js"
import type { AuditRecord } from "./AuditRecord.js"
import { isJsonType } from "./internal/jsonType.js"
import { isAtLeast, toWire, type Level } from "./internal/level.js"
import * as Say from "./internal/say.js"

/**
 * How safe a record is. `"accepted"`: it waits in this program's memory. `"written"`: the operating system has it, and it
 * survives the end of this program, but maybe not a loss of power. `"durable"`: it survives that as well, as far as the disk
 * keeps what it confirms.
 *
 * @category models
 */
export type Durability = "accepted" | "written" | "durable"

/**
 * @category models
 */
export type Batch = Arr.NonEmptyReadonlyArray<AuditRecord>

/**
 * @category models
 */
export interface Service {
  /**
   * Succeeds once the operating system, or the server, has every record of the batch: they survive the end of this program.
   * Called by one writer, in order, and never while `sync` runs.
   */
  readonly write: (batch: Batch) => Effect.Effect<void, AuditSinkError>

  /**
   * Succeeds once everything written before is durable: as safe as this sink can make it. Where that is so when `write`
   * succeeds, there is nothing to do.
   *
   * After a failure of either, whatever was not synced is given to `write` again, the same record objects at the head of a
   * later batch, until it succeeds: a sink that has stored a part of them must recognise them.
   */
  readonly sync: Effect.Effect<void, AuditSinkError>
}

/** What a sink of lines reads of a record: the line, and what tells whether it is wanted. */
type Line = Pick<AuditRecord, "level" | "line">

/** A `Service` that may read less of a record. */
interface SinkOf<A> {
  readonly write: (batch: Arr.NonEmptyReadonlyArray<A>) => Effect.Effect<void, AuditSinkError>
  readonly sync: Effect.Effect<void, AuditSinkError>
}

// Not members: a sink that is made from a copy of another one may read more than that does.
const sinksOfLines = new WeakSet<SinkOf<never>>()
const formBySink = new WeakMap<SinkOf<never>, Form>()

/**
 * What a sink can take for lines: only those of `"records"`, because it reads them again as such, any `"json"`, or any `"text"`.
 *
 * @internal
 */
export type Form = "records" | "json" | "text"

/**
 * A sink that is given no more than lines, so that nothing else waits in the queue.
 *
 * @internal
 */
export const ofLines = (sink: SinkOf<Line>, form: Form = "json"): Service => {
  sinksOfLines.add(sink)
  return taking(form, sink)
}

/**
 * Of a sink that is not made with `ofLines`.
 *
 * @internal
 */
export const taking = <A>(form: Form, sink: SinkOf<A>): SinkOf<A> => {
  formBySink.set(sink, form)
  return sink
}

const formOf = (sink: Service): Form => formBySink.get(sink) ?? "text"

/**
 * @internal
 */
export const isOfLines = (sink: Service): boolean => sinksOfLines.has(sink)

/**
 * It reads no more than a line itself, and hands on what it is given: of lines it is where all its members are, and it takes what all of
 * them take.
 */
const madeOf = (
  members: ReadonlyArray<Service>,
  make: <A extends Line>(members: ReadonlyArray<SinkOf<A>>) => SinkOf<A>
): Service => {
  const forms = members.map(formOf)
  const form = (["records", "json"] as const).find((form) => forms.includes(form)) ?? "text"
  return members.every(isOfLines)
    ? // That is what `ofLines` has said of them; the compiler sees only that they are sinks.
      ofLines(make<Line>(members as ReadonlyArray<SinkOf<Line>>), form)
    : taking(form, make<AuditRecord>(members))
}

/**
 * @category services
 */
export class AuditSink extends Context.Tag("effect-registrar/AuditSink")<AuditSink, Service>() {}

/**
 * A batch could not be written, or a sink could not be opened. `reason` is for decisions: `"Full"` goes away when there is
 * room again, `"Unwritable"` when somebody mends the place, `"Unavailable"` by itself, `"Claimed"` when the other program ends;
 * `"Misconfigured"` stays.
 *
 * @category errors
 */
export class AuditSinkError extends Data.TaggedError("AuditSinkError")<{
  readonly sink: string
  readonly reason: "Full" | "Unwritable" | "Unavailable" | "Claimed" | "Misconfigured"
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return `The audit sink '${this.sink}' failed: ${this.description}`
  }
}

/**
 * Keeps the records in memory, for tests and for looking at what was written. Read them with `records`.
 *
 * @category sinks
 */
export const memory = (records: Ref.Ref<ReadonlyArray<AuditRecord>>): Layer.Layer<AuditSink> =>
  Layer.succeed(AuditSink, {
    write: (batch) => Ref.update(records, (written) => [...written, ...batch]),
    sync: Effect.void
  })

/**
 * One line per record on standard output.
 *
 * @category sinks
 */
export const console: Layer.Layer<AuditSink> = Layer.sync(AuditSink, () =>
  ofLines({ write: (batch) => Console.log(batch.map(({ line }) => line).join("\n")), sync: Effect.void }, "text")
)

/**
 * Takes everything and keeps nothing. The unit of `combine`.
 *
 * @category sinks
 */
export const empty: Layer.Layer<AuditSink> = Layer.sync(AuditSink, () => nothing)

/**
 * Writes every record to all sinks, at the same time. A record is written, or durable, once it is so in each of them; where one
 * fails, only that one is given the records again.
 *
 * @category combinators
 */
export const combine = <Layers extends ReadonlyArray<Layer.Layer<AuditSink, unknown, unknown>>>(
  ...layers: Layers
): Layer.Layer<AuditSink, Layer.Layer.Error<Layers[number]>, Layer.Layer.Context<Layers[number]>> => {
  // The compiler does not see that a member of `Layers` is a Layer of the union of their parameters.
  const members = layers as ReadonlyArray<
    Layer.Layer<AuditSink, Layer.Layer.Error<Layers[number]>, Layer.Layer.Context<Layers[number]>>
  >
  return Layer.scoped(
    AuditSink,
    Effect.map(Effect.forEach(members, useSink), (sinks) => madeOf(sinks, combineAll))
  )
}

const combineAll = <A extends Line>(sinks: ReadonlyArray<SinkOf<A>>): SinkOf<A> => {
  const [only, ...others] = sinks
  if (only !== undefined && others.length === 0) return only
  // What a member has of a batch that failed elsewhere: the batch comes again, and must not be doubled here.
  const members = sinks.map((sink) => ({ sink, durable: new WeakSet<A>(), written: new Set<A>() }))

  /** The same with each member, at the same time, so that a failure of one does not keep the others from it. */
  const withEach = (use: (member: (typeof members)[number]) => Effect.Effect<void, AuditSinkError>) =>
    Effect.forEach(members, (member) => Effect.exit(use(member)), { concurrency: "unbounded" }).pipe(
      Effect.flatMap((exits) => exits.find(Exit.isFailure) ?? Effect.void)
    )

  return {
    write: (batch) =>
      withEach(({ sink, durable, written }) => {
        const missing = batch.filter((record) => !durable.has(record) && !written.has(record))
        if (!Arr.isNonEmptyReadonlyArray(missing)) return Effect.void
        return Effect.tap(sink.write(missing), () => missing.forEach((record) => written.add(record)))
      }),
    sync: withEach((member) => {
      // It has synced while another one failed, and need not do it again.
      if (member.written.size === 0) return Effect.void
      return Effect.onExit(member.sink.sync, (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) for (const record of member.written) member.durable.add(record)
          // What could not be synced is lost there, as far as anybody knows, and has to be written again.
          member.written = new Set()
        })
      )
    })
  }
}

/**
 * Lets through what is at least as severe as the given level.
 *
 * @category combinators
 */
export const filter =
  (minimum: Level) =>
  <E, R>(layer: Layer.Layer<AuditSink, E, R>): Layer.Layer<AuditSink, E, R> =>
    Layer.scoped(
      AuditSink,
      Effect.map(useSink(layer), (sink) => madeOf([sink], ([only]) => atLeast(minimum, only!)))
    )

const atLeast = <A extends Line>(minimum: Level, sink: SinkOf<A>): SinkOf<A> => ({
  write: (batch) => {
    const kept = batch.filter((record) => isAtLeast(record.level, toWire(minimum)))
    return Arr.isNonEmptyReadonlyArray(kept) ? sink.write(kept) : Effect.void
  },
  sync: sink.sync
})

/**
 * Gives the sink its records with their line in a format: see `AuditFormat`. The Layer fails where the sink reads its lines again: a
 * file takes only formats that are JSON, and a spool or a database none. A sink that makes something of the other members, as
 * `AuditSink/Syslog` does, is given those as they were.
 *
 * @category combinators
 */
export const format =
  (format: Format) =>
  <E, R>(layer: Layer.Layer<AuditSink, E, R>): Layer.Layer<AuditSink, E | AuditSinkError, R> =>
    Layer.scoped(
      AuditSink,
      Effect.flatMap(useSink(layer), (sink) => refusal(format, formOf(sink)) ?? Effect.succeed(formatted(format, sink)))
    )

/** The records as they were, for a format that comes before another one: the one next to the sink counts. */
const originals = new WeakMap<AuditRecord, AuditRecord>()

const formatted = (format: Format, sink: Service): Service => {
  // The sink recognises records that are given again.
  const known = new WeakMap<AuditRecord, AuditRecord>()
  const toFormat = (record: AuditRecord): AuditRecord => {
    const found = known.get(record)
    if (found !== undefined) return found
    const original = originals.get(record) ?? record
    const made = { ...original, line: format.line(original) }
    known.set(record, made)
    originals.set(made, original)
    return made
  }
  return { write: (batch) => Effect.suspend(() => sink.write(Arr.map(batch, toFormat))), sync: sink.sync }
}

const refusal = ({ contentType, name }: Format, form: Form): AuditSinkError | undefined => {
  const refuse = (description: string) =>
    new AuditSinkError({ sink: `format ${name}`, reason: "Misconfigured", description })
  if (form === "records") {
    return refuse(
      "The sink reads its records again: leave the format out or, behind a spool, put it around the remote sink"
    )
  }
  return form === "text" || isJsonType(contentType)
    ? undefined
    : refuse(
        `The sink keeps lines of JSON, and the lines of '${name}' are none: use a format that is JSON, or another sink`
      )
}

/**
 * Makes a sink optional: it never fails, never slows the others down, and is left out when it cannot be opened. What it
 * misses while it fails, hangs or lags behind by more than `capacity` records is counted and said in the application log.
 * When the Layer closes, it is given `closeWithin` to finish.
 *
 * @category combinators
 */
export const bestEffort =
  (options?: { readonly capacity?: number; readonly closeWithin?: Duration.DurationInput }) =>
  <E, R>(layer: Layer.Layer<AuditSink, E, R>): Layer.Layer<AuditSink, never, R> =>
    Layer.scoped(
      AuditSink,
      useSink(layer).pipe(
        Effect.flatMap((sink) =>
          Effect.map(
            decouple(sink, options?.capacity ?? 8192, options?.closeWithin ?? "5 seconds"),
            (decoupled): Service => taking(formOf(sink), decoupled)
          )
        ),
        Effect.catchAllCause((cause) =>
          Effect.as(Say.warning("An optional audit sink could not be opened and is left out", cause), nothing)
        )
      )
    )

const decouple = Effect.fnUntraced(function* (sink: Service, capacity: number, closeWithin: Duration.DurationInput) {
  const waiting = yield* Mailbox.make<AuditRecord>({ capacity, strategy: "dropping" })
  let missed = 0
  /** Taken in, and neither stored nor missed yet. */
  let pending = 0

  const forward = Effect.fnUntraced(function* (batch: Batch) {
    const exit = yield* Effect.exit(Effect.zipRight(sink.write(batch), sink.sync))
    pending -= batch.length
    if (Exit.isFailure(exit)) {
      if (missed === 0) yield* Say.warning("An optional audit sink fails; records are left out of it", exit.cause)
      missed += batch.length
    } else if (missed > 0) {
      yield* Say.warning(`An optional audit sink works again; ${missed} records are missing from it`)
      missed = 0
    }
  })
  const forwardAll: Effect.Effect<void> = Effect.flatMap(waiting.takeAll, ([records, done]) => {
    const batch = Chunk.toReadonlyArray(records)
    return Effect.zipRight(
      Arr.isNonEmptyReadonlyArray(batch) ? forward(batch) : Effect.void,
      done ? Effect.void : forwardAll
    )
  })

  // A daemon, because closing must not wait for a write that hangs.
  const forwarder = yield* Effect.forkDaemon(forwardAll)
  yield* Effect.addFinalizer(() =>
    waiting.end.pipe(
      Effect.zipRight(Fiber.await(forwarder)),
      // A finalizer is uninterruptible, and so would be the end of the wait.
      Effect.interruptible,
      Effect.timeoutOption(closeWithin),
      Effect.zipRight(Fiber.interruptFork(forwarder)),
      Effect.zipRight(
        Effect.suspend(() => {
          const missing = missed + pending
          return missing > 0 ? Say.warning(`${missing} records are missing from an optional audit sink`) : Effect.void
        })
      )
    )
  )

  return {
    write: (batch) =>
      Effect.suspend(() => {
        pending += batch.length
        return Effect.map(waiting.offerAll(batch), (refused) => {
          missed += refused.length
          pending -= refused.length
        })
      }),
    sync: Effect.void
  } satisfies Service
})

const nothing = ofLines({ write: () => Effect.void, sync: Effect.void }, "text")

const useSink = <E, R>(layer: Layer.Layer<AuditSink, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, AuditSink))
