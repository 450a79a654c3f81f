/**
 * The account of an audit consumer as Effect Metrics. They are in one registry for the whole process: the tags `stream` and
 * `consumer` tell several apart.
 */
import { Metric, MetricKey } from "effect"

export interface ConsumerMetrics {
  readonly landed: (records: number) => void
  readonly rejected: (messages: number) => void
  readonly pending: (messages: number) => void
  readonly outage: (value: 0 | 1) => void
}

export const make = (stream: string, consumer: string): ConsumerMetrics => {
  const updater = (metric: Metric.Metric.Counter<number> | Metric.Metric.Gauge<number>) => {
    const update = (value: number) => metric.unsafeUpdate(value, [])
    // So that it is there from the start.
    update(0)
    return update
  }
  const counter = (name: string, description: string) => {
    const key = MetricKey.counter(`registrar_audit_consumer_${name}`, { description, incremental: true })
    return updater(
      Metric.fromMetricKey(MetricKey.tagged(MetricKey.tagged(key, "stream", stream), "consumer", consumer))
    )
  }
  const gauge = (name: string, description: string) => {
    const key = MetricKey.gauge(`registrar_audit_consumer_${name}`, { description })
    return updater(
      Metric.fromMetricKey(MetricKey.tagged(MetricKey.tagged(key, "stream", stream), "consumer", consumer))
    )
  }
  return {
    landed: counter("records_landed", "Audit records that were handed to the store, those that it had already as well"),
    rejected: counter("messages_rejected", "Messages of the stream that the store cannot take"),
    pending: gauge("messages_pending", "Messages of the stream that have not landed yet"),
    outage: gauge("outage", "1 while the store cannot be written, otherwise 0")
  }
}
