/**
 * The account of an audit log as Effect Metrics. They are in one registry for the whole process: the tag `source` tells the
 * audit logs of several applications apart.
 */
import { Metric, MetricKey } from "effect"

export interface AuditMetrics {
  /** An event of this type was added. The types are those that are registered: there is an end to them. */
  readonly added: (type: string) => void
  readonly accepted: (count: number) => void
  readonly durable: (count: number) => void
  readonly dropped: (count: number) => void
  readonly collapsed: (count: number) => void
  readonly failures: (count: number) => void
  readonly pending: (value: number) => void
  readonly outage: (value: 0 | 1) => void
}

export const make = (source: string): AuditMetrics => {
  // Tagged in the key, and not per update: these run with each event.
  const updater = (metric: Metric.Metric.Counter<number> | Metric.Metric.Gauge<number>) => {
    const update = (value: number) => metric.unsafeUpdate(value, noTags)
    // So that it is there from the start, and not only after the first event.
    update(0)
    return update
  }
  const counter = (name: string, description: string) => {
    const key = MetricKey.counter(`registrar_audit_${name}`, { description, incremental: true })
    return updater(Metric.fromMetricKey(MetricKey.tagged(key, "source", source)))
  }
  const gauge = (name: string, description: string) => {
    const key = MetricKey.gauge(`registrar_audit_${name}`, { description })
    return updater(Metric.fromMetricKey(MetricKey.tagged(key, "source", source)))
  }
  const addedByType = new Map<string, (count: number) => void>()
  const added = (type: string) => {
    let update = addedByType.get(type)
    if (update === undefined) {
      const key = MetricKey.counter("registrar_audit_events", {
        description: "Audit events by type",
        incremental: true
      })
      const tagged = MetricKey.tagged(MetricKey.tagged(key, "source", source), "type", type)
      addedByType.set(type, (update = updater(Metric.fromMetricKey(tagged))))
    }
    update(1)
  }
  return {
    added,
    accepted: counter("events_accepted", "Audit events that were added"),
    durable: counter("events_durable", "Audit events that are durable"),
    dropped: counter("events_dropped", "Audit events that were dropped because the queue was full or closed"),
    collapsed: counter("events_collapsed", "Audit events that were only counted, to be written as a summary"),
    failures: counter("failures", "Attempts to write or to sync audit events that failed"),
    pending: gauge("events_pending", "Audit events that are not durable yet"),
    outage: gauge("outage", "1 while audit events cannot be stored, otherwise 0")
  }
}

const noTags: ReadonlyArray<never> = []
