/**
 * Lands the trails of a fleet from a stream of NATS JetStream in a store, each record once.
 *
 * A message is acknowledged when the store has its records. Where that is not heard, it comes again, and the store knows what it has.
 * The store takes no record before the one ahead of it; what is missing there is read from the stream. So a kill, a cut connection, or a
 * server that starts again leaves nothing out. While the store fails, nothing is acknowledged.
 *
 * Several programs may share one consumer, so that another one goes on when one ends: one of them works at a time.
 *
 * @example
 * import { SqliteClient } from "@effect/sql-sqlite-node"
 * import * as AuditConsumer from "effect-registrar/AuditConsumer"
 * import * as SqlSink from "effect-registrar/AuditSink/Sql"
 * import { Layer } from "effect"
 *
 * const consumer = AuditConsumer.layer({ servers: "nats://127.0.0.1:4222" }).pipe(
 *   Layer.provide(SqlSink.layerStore()),
 *   Layer.provide(SqliteClient.layer({ filename: "audit.db" }))
 * )
 */
import { Duration, Effect, Layer, Option, Random, Schedule, type Scope } from "effect"
import * as Failure from "./AuditNats/Failure.js"
import * as Landing from "./AuditNats/Landing.js"
import * as Pull from "./AuditNats/Pull.js"
import * as Trail from "./AuditNats/Trail.js"
import * as WaitingRoom from "./AuditNats/WaitingRoom.js"
import { AuditStore, type AuditStoreError } from "./AuditStore.js"
import * as ConsumerMetrics from "./internal/consumerMetrics.js"
import * as Say from "./internal/say.js"

/**
 * @category models
 */
export interface Options extends Trail.Options {
  /**
   * The name of the consumer, which the server remembers how far it has got by. Another name begins with the first message.
   * Default: `"audit-store"`.
   */
  readonly durable?: string | undefined
  /** How many messages are taken at once; each may hold many records. Default: 100. */
  readonly batch?: number | undefined
  /** What was taken and not acknowledged for so long is delivered again, maybe to another program. Default: 30 seconds. */
  readonly ackWait?: Duration.DurationInput | undefined
}

/**
 * Lands what is in the stream and what comes, until the scope is closed. Fails where it cannot begin.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<void, AuditStoreError, AuditStore | Scope.Scope> =>
  Effect.gen(function* () {
    const pull = yield* pullOptions(options)
    const store = yield* AuditStore
    const trail = yield* Trail.make(options)
    yield* Pull.ensure(trail, pull)

    const account = ConsumerMetrics.make(trail.stream, pull.durable)
    const landing = Landing.make(trail, store, account, pull.batch)
    const waiting = WaitingRoom.make(pull.batch, landing.weight)

    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Effect.map(waiting.clear, (left) => left.forEach(({ release }) => release())),
        landing.release
      )
    )
    yield* Effect.forkScoped(takeFor(waiting, trail, pull))
    yield* Effect.forkScoped(Effect.forever(landNext(waiting, landing, store.name, account)))
    yield* Effect.forkScoped(Effect.repeat(look(trail, pull.durable, account), Schedule.spaced("5 seconds")))
  })

/**
 * The consumer as a Layer, with the store that it lands in.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, AuditStoreError, AuditStore> =>
  Layer.scopedDiscard(make(options))

const pullOptions = ({ ackWait, batch = 100, durable = "audit-store" }: Options) =>
  Effect.gen(function* () {
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(durable)) {
      return yield* Failure.misconfigured(
        `'durable' has letters, digits, '-' and '_', which '${durable.slice(0, 200)}' has not`
      )
    }
    if (!Number.isInteger(batch) || batch < 1 || batch > 10_000) {
      return yield* Failure.misconfigured(`'batch' must be a whole number from 1 to 10,000, not ${batch}`)
    }
    const wait = Duration.decodeUnknown(ackWait ?? "30 seconds")
    if (Option.isNone(wait) || !Duration.isFinite(wait.value) || Duration.toMillis(wait.value) < 1000) {
      return yield* Failure.misconfigured(
        `'ackWait' must be a duration of at least a second, such as "30 seconds", not ${String(ackWait)}`
      )
    }
    return { durable, batch, ackWait: wait.value, maxAckPending: 10 * Math.max(100, batch) }
  })

/** Takes messages as long as there is room for them. */
const takeFor = (
  { add, hasRoom }: WaitingRoom.WaitingRoom,
  trail: Trail.Trail,
  pull: Pull.Options
): Effect.Effect<never> =>
  Effect.gen(function* () {
    let isSingle = false
    while (true) {
      yield* hasRoom
      const ended: Pull.Ended = yield* Pull.request(trail, pull, add, isSingle)
      isSingle = ended === "tooLarge"
      // Another program is asking. It ends when that does.
      if (ended === "busy") yield* Effect.sleep(Duration.millis(yield* Random.nextRange(500, 1500)))
      // The connection may be cut, or the consumer deleted: then it is made again.
      if (ended === "silent") yield* mend(trail, pull)
    }
  })

const mend = (trail: Trail.Trail, pull: Pull.Options) =>
  Effect.suspend(() => {
    let isSaid = false
    return Pull.ensure(trail, pull).pipe(
      Effect.tapError((error) => {
        if (isSaid) return Effect.void
        isSaid = true
        return Say.warning("The audit consumer gets nothing from the stream", error)
      }),
      Effect.retry(backOff),
      Effect.zipRight(
        Effect.suspend(() => (isSaid ? Say.info("The audit consumer gets messages again") : Effect.void))
      ),
      Effect.orDie
    )
  })

/** How far behind it is, and what it may not do. */
const look = (trail: Trail.Trail, durable: string, account: ConsumerMetrics.ConsumerMetrics) =>
  Effect.gen(function* () {
    const refusal = trail.takeRefusal()
    if (refusal !== undefined) yield* Say.warning("The audit consumer may not do what it has to", refusal)
    const info = yield* trail.ask(() => trail.consumers.info(trail.stream, durable))
    account.pending(info.num_pending + info.num_ack_pending)
  }).pipe(Effect.ignore)

const backOff = Schedule.jittered(Schedule.union(Schedule.exponential("250 millis"), Schedule.spaced("10 seconds")))

/** Waits for messages, or for the time of those that it has, and lands them. */
const landNext = (
  waiting: WaitingRoom.WaitingRoom,
  landing: Landing.Landing,
  store: string,
  account: ConsumerMetrics.ConsumerMetrics
) =>
  Effect.gen(function* () {
    yield* landing.take(yield* waiting.take(yield* landing.wait))
    // What has come meanwhile is tried as well: it may be of an instance that the store does take.
    const attempt = Effect.flatMap(waiting.clear, landing.take).pipe(
      Effect.zipRight(landing.land),
      Effect.ensuring(Effect.sync(waiting.update))
    )
    let isDown = false
    yield* attempt.pipe(
      Effect.tapError((error) => {
        account.outage(1)
        if (isDown) return Effect.void
        isDown = true
        return Say.warning(`The audit consumer cannot land in ${store}: records wait in the stream`, error)
      }),
      Effect.retry(backOff),
      Effect.orDie
    )
    if (isDown) {
      account.outage(0)
      yield* Say.info(`The audit consumer lands in ${store} again`)
    }
  })
