// What is compared, and what it means. The first contestant of each case is what the others are compared with.
import { join } from "node:path"
import { extra, verdict } from "./report.mjs"

const stock = (path) => ({ server: "stock.mjs", path })
const registrar = (path, ...args) => ({ server: "registrar.mjs", path, args })

export const httpCases = ({ folder, connections, syncTime }) => [
  {
    title: "A route that fails",
    unit: "request",
    contestants: [
      { name: "`catchTag` by hand", ...stock("/limited") },
      { name: "`Registrar.serve`", ...registrar("/limited") }
    ],
    meaning: (byHand, registered) => `
      A registered error with two fields gives ${verdict(registered, byHand, "request")}, compared with the same bytes made by
      hand in a \`catchTag\` and served by \`HttpLayerRouter.serve\` without its logger. For that the library checks both fields,
      renders the message, gives the request its audit context, and would answer any other failure as well. It saves the stack
      trace: a \`Data.TaggedError\` captures one, and an answer that is expected has no use for it.`
  },
  {
    title: "A route that audits",
    unit: "request",
    contestants: [
      { name: "no event", ...registrar("/ok", join(folder, "none"), "durable") },
      { name: '`responseWaitsFor: "accepted"`', ...registrar("/audited", join(folder, "accepted"), "accepted") },
      { name: '`responseWaitsFor: "durable"`', ...registrar("/audited", join(folder, "durable"), "durable") }
    ],
    meaning: (bare, accepted, durable) => `
      A request whose event is fsynced before the response goes takes ${extra(durable, bare)} than one without an event, and gives
      ${verdict(durable, bare, "request")}. Where the event need only be accepted before, it is ${extra(accepted, bare)}, and
      ${verdict(accepted, bare, "request")}. One line alone is written and synced in ${syncTime} ms on this disk, and
      ${connections} connections share each sync: with another disk or fewer connections the requests per second say more about
      the disk, and the CPU time is what can be compared.`
  },
  {
    title: "A route that succeeds",
    unit: "request",
    contestants: [
      { name: "`HttpLayerRouter.serve`", ...stock("/ok") },
      { name: "`Registrar.serve`", ...registrar("/ok") }
    ],
    meaning: (platform, registered) => `
      Under \`Registrar.serve\` the same handler gives ${verdict(registered, platform, "request")}: ${extra(registered, platform)}
      for each request. Every request pays this, whatever it uses of the library: an audit context, the handler of failures, the
      limit of its body, and being counted until its response is sent. This handler does next to nothing, so of a real route it
      is a smaller part.`
  }
]

export const inProcessCases = {
  events: {
    title: "An event, without HTTP",
    unit: "event",
    meaning: (floor, add) => `
      \`AuditLog.add\`, with a sink that keeps nothing, takes ${extra(add, floor)} than \`JSON.stringify\` of the finished record
      pushed to an array: ${verdict(add, floor, "event")}. That is a floor, not what an application would write instead: it reads
      no clock, checks no field, renders no message, and hands nothing over. The difference is the price of those and of the way
      through the queue.`
  },
  errors: {
    title: "An error, without HTTP",
    unit: "error",
    meaning: (byHand, handle) => `
      \`HttpErrors.handle\` gives ${verdict(handle, byHand, "error")}, compared with a \`catchTag\` that makes the same response;
      one error takes ${extra(handle, byHand)}. Making the error is a part of both, and so is the stack trace of the
      \`Data.TaggedError\`. There is no tracer here: in a server Effect wraps each failure to tell its span, and reading the
      fields of one then costs more.`
  },
  durable: {
    title: "Durable events",
    unit: "record",
    meaning: (loop, plain, chained, sealed) => `
      64 fibers, each of which adds its next event when the last one is durable, share each fsync. Chained and sealed they get
      ${verdict(sealed, loop, "record")}, compared with a loop that writes one line of that length and calls \`fdatasync\`. On a disk
      that syncs this fast the records cost more than the disk does; on a slower one the ratio grows, up to 64. The chain itself
      costs ${extra(chained, plain)} a record, and seals, one in 1,000 records, ${extra(sealed, chained)}.`
  },
  verified: {
    title: "Reading a chain back",
    unit: "record",
    meaning: (hash, verifier) => `
      Verifying a chain with its signatures gives ${verdict(verifier, hash, "record")}, compared with nothing but the SHA-256 of
      each line in memory. \`registrar audit verify\` reads the files as well.`
  }
}
