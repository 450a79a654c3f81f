/** Consumers of audit trails, and how far they have got. */
import { Cause, Effect, Logger, LogLevel, Metric, MetricState } from "effect"
import * as AuditConsumer from "../../src/AuditConsumer.js"
import { AuditStore, type Service } from "../../src/AuditStore.js"
import { manage, optionsOf, type Here } from "./natsStreams.js"

export const consume = (here: Here, store: Service, options: Partial<AuditConsumer.Options> = {}) =>
  Effect.provideService(AuditConsumer.make({ ...optionsOf(here), ...options }), AuditStore, store)

export const consumerInfo = (here: Here, durable = "audit-store") =>
  manage(here, (jsm) => jsm.consumers.info(here.stream, durable))

/** Looks again and again, and fails where it never is as it should be. */
export const eventually = <A, E, R>(
  what: string,
  look: Effect.Effect<A, E, R>,
  isGood: (found: A) => boolean,
  within: `${number} seconds` = "30 seconds"
) =>
  Effect.suspend(() => {
    let last: unknown
    return look.pipe(
      Effect.tap((found) => Effect.sync(() => (last = found))),
      Effect.delay("30 millis"),
      Effect.repeat({ until: isGood }),
      Effect.timeoutFailCause({
        duration: within,
        onTimeout: () => Cause.die(new Error(`Not ${what}: ${JSON.stringify(last)}`))
      })
    )
  })

/** All messages were answered. */
export const done = (here: Here, durable?: string) =>
  eventually(
    "done",
    Effect.map(consumerInfo(here, durable), ({ ack_floor, num_ack_pending, num_pending }) => ({
      num_ack_pending,
      num_pending,
      floor: ack_floor.stream_seq
    })),
    ({ num_ack_pending, num_pending }) => num_ack_pending === 0 && num_pending === 0
  )

/** What was said at this level or above. */
export const heard = (level: LogLevel.LogLevel = LogLevel.Warning) => {
  const said: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (LogLevel.greaterThanEqual(logLevel, level))
      said.push(`${logLevel.label} ${[message].flat().map(String).join(" ")}`)
  })
  return { said, layer: Logger.replace(Logger.defaultLogger, logger) }
}

/** The values of the consumer's metrics. */
export const metricsOf = (stream: string) =>
  Effect.sync(() => {
    const values: Record<string, number> = {}
    for (const { metricKey, metricState } of Metric.unsafeSnapshot()) {
      const isOurs = metricKey.tags.some(({ key, value }) => key === "stream" && value === stream)
      if (!isOurs) continue
      const name = metricKey.name.replace("registrar_audit_consumer_", "")
      if (MetricState.isCounterState(metricState)) values[name] = Number(metricState.count)
      if (MetricState.isGaugeState(metricState)) values[name] = Number(metricState.value)
    }
    return values
  })
