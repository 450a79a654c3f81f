/**
 * How far a spool lags behind, as Effect Metrics. They are in one registry for the whole process: the tag `spool`, which is the
 * path, tells several apart.
 */
import { Metric, MetricKey } from "effect"

export interface SpoolMetrics {
  readonly lag: (lag: { readonly records: number; readonly bytes: number; readonly seconds: number }) => void
  readonly size: (bytes: number) => void
  readonly forwarded: (count: number) => void
  readonly outage: (value: 0 | 1) => void
}

export const make = (spool: string): SpoolMetrics => {
  const updater = (metric: Metric.Metric.Counter<number> | Metric.Metric.Gauge<number>) => {
    const update = (value: number) => metric.unsafeUpdate(value, [])
    // So that it is there from the start, and not only after the first record.
    update(0)
    return update
  }
  const gauge = (name: string, description: string) => {
    const key = MetricKey.gauge(`registrar_audit_spool_${name}`, { description })
    return updater(Metric.fromMetricKey(MetricKey.tagged(key, "spool", spool)))
  }
  const counter = (name: string, description: string) => {
    const key = MetricKey.counter(`registrar_audit_spool_${name}`, { description, incremental: true })
    return updater(Metric.fromMetricKey(MetricKey.tagged(key, "spool", spool)))
  }
  const records = gauge("lag_records", "Records that are durable here and not forwarded yet")
  const bytes = gauge("lag_bytes", "Their bytes")
  const seconds = gauge("lag_seconds", "How old the oldest of them is")
  return {
    lag: (lag) => {
      records(lag.records)
      bytes(lag.bytes)
      seconds(lag.seconds)
    },
    size: gauge("size_bytes", "The bytes of all files of the spool"),
    forwarded: counter("forwarded", "Records that were forwarded"),
    outage: gauge("outage", "1 while records cannot be forwarded, otherwise 0")
  }
}
