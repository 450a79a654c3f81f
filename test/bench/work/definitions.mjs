// A registry that grows: what it costs to start, and to look one of its definitions up.
import { Effect } from "effect"
import { ApiError, AuditEvent, AuditLog, AuditSink, Extension, HttpErrors } from "../../../dist/index.js"
import { repeat, runWith } from "./effect.mjs"

const lookups = 20_000

/** With fields, so that there is something to be looked up, rendered and encoded. */
const declare = (size) => {
  const numbers = Array.from({ length: size }, (_, number) => number)
  const errors = numbers.map((number) =>
    ApiError.make()(`grow-error-${number}`, { status: 409, message: `{left} of '{item}' are left in ${number}` })
  )
  const auditEvents = numbers.map((number) =>
    AuditEvent.make(`grow-event-${number}`, { level: "Info", message: `{count} of '{item}' are taken from ${number}` })
  )
  return { errors, auditEvents, extension: Extension.make("grow", { errors, auditEvents }) }
}

/** The time of each in microseconds, when each has been used before. */
const timedEach = (use) =>
  Effect.gen(function* () {
    const run = repeat(lookups, use)
    yield* run
    const start = performance.now()
    yield* run
    return ((performance.now() - start) * 1000) / lookups
  })

const growing = (size) => () => async () => {
  const start = performance.now()
  const { errors, auditEvents, extension } = declare(size)
  const program = Effect.gen(function* () {
    const startUp = performance.now() - start
    const audit = yield* AuditLog.AuditLog
    const fail = (index) => {
      const Failed = errors[index % size]
      return HttpErrors.handle(Effect.suspend(() => new Failed({ item: "tea", left: 2 })))
    }
    const handlers = errors.map((_, index) => fail(index))
    const error = yield* timedEach((index) => handlers[index % size])
    const event = yield* timedEach((index) => audit.add(auditEvents[index % size], { item: "tea", count: 2 }))
    return { count: size, startUp, startUpEach: (startUp * 1000) / size, error, event }
  })
  return runWith(program, { sink: AuditSink.empty, extension })
}

export const contestants = {
  10: growing(10),
  100: growing(100),
  1000: growing(1_000),
  10000: growing(10_000)
}
