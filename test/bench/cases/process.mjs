// What is compared without HTTP.
import { extra, figures, ratio, short, standardColumns, verdict, whole } from "../report.mjs"

const errors = {
  title: "An error, without HTTP",
  work: "errors",
  columns: [
    { head: "errors/s", key: "rate", show: whole },
    { head: "µs per error", key: "time", show: short, ratio: true },
    { head: "CPU µs per error", key: "cpu", show: short, ratio: true }
  ],
  contestants: { byHand: { name: "`catchTag` by hand" }, handle: { name: "`HttpErrors.handle`" } },
  targets: ({ byHand, handle }) => [
    {
      what: "A registered error without HTTP (`HttpErrors.handle`), against a `catchTag`",
      of: "time",
      measured: ratio(handle, byHand, "time"),
      atMost: 0.8
    }
  ],
  meaning: ({ byHand, handle }) => `
    \`HttpErrors.handle\` gives ${verdict(handle, byHand, "error")}, compared with a \`catchTag\` that makes the same response; one
    error takes ${extra(handle, byHand)}. Making the error is a part of both; a \`Data.TaggedError\` captures
    a stack trace as it is made, and a registered error does not. There is no tracer here: in a server with one, Effect wraps
    each failure to tell its span, and reading the fields of one then costs more.`
}

const records = `
  Half of the time is making the record: reading the clock, checking and copying the fields, rendering the message, quoting. A
  quarter is the file: joining, encoding, writing and one fsync. SHA-256 is a tenth of the chained one. Tried: checks compiled
  from Schemas, lines put together from parts, lines in place of records in the queue, and one text of the date for each
  millisecond; together they made it 2.5 times as fast.`

const lines = {
  title: "Lines in a file, without HTTP",
  work: "lines",
  columns: [...standardColumns("line"), { head: "bytes", key: "bytes", show: whole }],
  contestants: {
    pino: { name: "pino, `sync: true`" },
    pinoBuffered: { name: "pino, `sync: true`, `minLength: 4096`" },
    pinoAsync: { name: "pino, `sync: false`, `minLength: 4096`" },
    add: { name: "`AuditLog.add`" },
    addChecked: { name: "`AuditLog.add`, checked by Schema, chain" },
    addNowhere: { name: "`AuditLog.add`, a sink that keeps nothing" },
    stringify: { name: "`JSON.stringify`, written in blocks" },
    winston: { name: "winston, file" },
    effect: { name: "`Effect.log`, JSON, `PlatformLogger.toFile`" }
  },
  targets: ({ pino, add, addChecked }) => [
    {
      what: "`AuditLog.add` to a file, against the same line of pino (`sync: true`)",
      of: "lines/s",
      measured: ratio(add, pino, "rate"),
      atLeast: 2,
      why: records
    },
    {
      what: "`AuditLog.add` to a file, checked by Schema and chained, against the same line of pino",
      of: "lines/s",
      measured: ratio(addChecked, pino, "rate"),
      atLeast: 1.4,
      why: records
    }
  ],
  meaning: ({ pino, pinoBuffered, pinoAsync, add, addChecked, addNowhere }) => `
    \`AuditLog.add\` gives ${verdict(add, pino, "line")}, compared with pino, which makes a system call for each line; with the
    value checked and each line chained to the one before, it is ${verdict(addChecked, pino, "line")}. Its last line is fsynced
    before the time ends, as is that of pino with \`sync: false\`; those of the others are not. pino with a buffer gives
    ${verdict(pinoBuffered, pino, "line")}, and with a buffer and \`sync: false\`, which its documentation recommends for speed,
    ${verdict(pinoAsync, pino, "line")}. A crash loses what is in the buffer, and with \`sync: false\` also what is on its way to
    the file. \`add\` resumes once its event is accepted: a crash loses what waits in memory then, as with a buffer of pino.
    \`require\` is for what must not be lost. The lines say the same: when, who, where, what, and a message of it; the audit
    records have ${whole(figures(add, "bytes").middle)} bytes, chained ${whole(figures(addChecked, "bytes").middle)}, and pino's
    ${whole(figures(pino, "bytes").middle)}. Without the file an event takes ${short(figures(addNowhere, "cpu").middle)} µs of
    CPU time.`
}

export const cases = () => [errors, lines]
