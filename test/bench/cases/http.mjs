// What is compared over HTTP. The first contestant of each case is what the others are compared with.
import { join } from "node:path"
import { addedRatio, extra, ratio, standardColumns, verdict } from "../report.mjs"

const columns = standardColumns("request")
const stock = (name, path, ...args) => ({ name, server: "stock.mjs", path, args })
const stockApi = (name, path) => ({ name, server: "stockApi.mjs", path })
const registrar = (name, path, ...args) => ({ name, server: "registrar.mjs", path, args })
const fastify = (name, path, ...args) => ({ name, server: "fastify.mjs", path, args, same: "body" })

/** Both have a span then, as the platform always makes one. */
const always = (name, path) => registrar(`${name}, \`spans: "always"\``, path, "spans-always")

const batches = `
  A batch is written and synced as soon as the one before it is done, so at this load only a few requests share each batch: two
  trips to the thread pool and a sync cost more CPU time than the record does.`

const failing = {
  title: "A route that fails",
  columns,
  contestants: {
    byHand: stock("`catchTag` by hand, `HttpLayerRouter.serve`", "/limited"),
    registered: registrar("registered error, `Registrar.serve`", "/limited"),
    untraced: stock("`catchTag` by hand, tracer disabled", "/limited", "untraced"),
    always: always("registered error, `Registrar.serve`", "/limited"),
    logged: stock("`catchTag` by hand, `HttpMiddleware.logger`", "/limited", "with-logger"),
    api: { ...stockApi("`HttpApi`, `Schema.TaggedError`", "/limited"), same: "status" },
    registeredApi: registrar("`RegisteredApi`, `Registrar.serve`", "/api/limited"),
    fastify: { ...fastify("fastify, `@fastify/error`", "/limited"), same: "status" }
  },
  targets: ({ byHand, registered, api, registeredApi }) => [
    {
      what: "A registered error, no tracer installed, against the same answer by hand in a `catchTag`",
      of: "requests/s",
      measured: ratio(registered, byHand, "rate"),
      atLeast: 1.1
    },
    {
      what: "A registered error, no tracer installed, against an `HttpApi` endpoint that fails",
      of: "requests/s",
      measured: ratio(registered, api, "rate"),
      atLeast: 1.8,
      why: "What both share, the socket, the fiber and the routing, is more than half of the time."
    },
    {
      what: "A `RegisteredApi` endpoint that fails, no tracer installed, against the same of an `HttpApi`",
      of: "requests/s",
      measured: ratio(registeredApi, api, "rate"),
      atLeast: 1.2
    }
  ],
  meaning: ({ byHand, registered, untraced, always, api, registeredApi }) => `
    A registered error with two fields gives ${verdict(registered, byHand, "request")}, compared with the same bytes made by hand
    in a \`catchTag\` of a \`Data.TaggedError\`. For that the library checks both fields, renders the message, gives the request
    its audit context, and would answer any other failure as well. Without its tracer the platform gives
    ${verdict(untraced, byHand, "request")}, so a registered error gives ${verdict(registered, untraced, "request")}, compared
    with that. With a span on both sides it gives ${verdict(always, byHand, "request")}. A \`RegisteredApi\` gives
    ${verdict(registeredApi, api, "request")}, compared with an \`HttpApi\` of the platform; their bodies differ. Fastify's body
    is its own as well.`
}

const succeeding = {
  title: "A route that succeeds",
  columns,
  contestants: {
    stock: stock("`HttpLayerRouter.serve`", "/ok"),
    registered: registrar("`Registrar.serve`", "/ok"),
    layers: {
      name: "`HttpErrors.layer`, `HttpAudit.layer`, `HttpLayerRouter.serve`",
      server: "layers.mjs",
      path: "/ok"
    },
    untraced: stock("`HttpLayerRouter.serve`, tracer disabled", "/ok", "untraced"),
    always: always("`Registrar.serve`", "/ok"),
    logged: stock("`HttpLayerRouter.serve`, `HttpMiddleware.logger`", "/ok", "with-logger"),
    api: stockApi("`HttpApi`, `HttpLayerRouter.serve`", "/ok"),
    registeredApi: registrar("`RegisteredApi`, `Registrar.serve`", "/api/ok"),
    node: { name: "`node:http`", server: "nodeHttp.mjs", path: "/ok", same: "body" },
    fastify: fastify("fastify", "/ok")
  },
  targets: ({ stock, registered, layers }) => [
    {
      what: "A route that succeeds, with the layers of the library in the platform's server, against one without",
      of: "requests/s",
      measured: ratio(layers, stock, "rate"),
      atLeast: 0.97,
      why: `
        Each request is given an id, an audit context and an annotation of its log lines; setting one \`FiberRef\` is a third of
        what that costs. Putting services into the request's own context, in place of providing them, has halved it.`
    },
    {
      what: "A route that succeeds under `Registrar.serve`, no tracer installed, against `HttpLayerRouter.serve`",
      of: "requests/s",
      measured: ratio(registered, stock, "rate"),
      atLeast: 1.25,
      why: `
        Without its tracer the platform itself gains a third; the id, the audit context, the log annotation, the count of running
        requests and the handler of failures take a part of that back.`
    }
  ],
  meaning: ({ stock, registered, layers, untraced, always, api, registeredApi }) => `
    Under \`Registrar.serve\` the same handler gives ${verdict(registered, stock, "request")}. The layers alone, in a server of
    the platform, give ${verdict(layers, stock, "request")}: ${extra(layers, stock)} for each request, for an audit context, an
    id, the handler of failures and the limit of its body. The platform without its tracer gives
    ${verdict(untraced, stock, "request")}, so \`Registrar.serve\` gives ${verdict(registered, untraced, "request")}, compared
    with that. With a span on both sides it gives ${verdict(always, stock, "request")}. A \`RegisteredApi\` gives
    ${verdict(registeredApi, api, "request")}, compared with an \`HttpApi\`. These handlers do
    next to nothing: of a real route all of it is a smaller part.`
}

const auditing = ({ folder, connections, syncTime }) => {
  const file = (name) => ({ file: join(folder, name) })
  const audited = (name, ...mode) => ({
    ...registrar(`\`responseWaitsFor: "${mode[0]}"\`${mode[1] === undefined ? "" : ", chain"}`, "/audited"),
    args: [join(folder, name), ...mode],
    ...file(name)
  })
  return {
    title: "A route that records an event",
    columns,
    contestants: {
      bare: registrar("no event, `Registrar.serve`", "/ok", join(folder, "bare"), "written"),
      accepted: audited("accepted", "accepted"),
      written: audited("written", "written"),
      durable: audited("durable", "durable", "chain"),
      configured: {
        name: "durable, chain, `Registrar.serveConfig`, `Logs.layerConfig`",
        server: "configured.mjs",
        path: "/audited",
        args: [join(folder, "configured")],
        ...file("configured")
      },
      effectLog: {
        ...stock("`HttpLayerRouter.serve`, `Effect.log` to a file", "/logged", join(folder, "effect")),
        ...file("effect")
      },
      fastify: fastify("fastify, no line", "/ok"),
      pino: { ...fastify("fastify, a line of pino", "/logged", join(folder, "pino")), ...file("pino") }
    },
    targets: ({ bare, written, durable, effectLog, fastify, pino }) => [
      {
        what: "An audited route (`written`), against one without an event",
        of: "requests/s",
        measured: ratio(written, bare, "rate"),
        atLeast: 0.93,
        why: batches
      },
      {
        what: "An audited route (`durable`, chain), no tracer installed, against the platform's with one `Effect.log` to a file",
        of: "requests/s",
        measured: ratio(durable, effectLog, "rate"),
        atLeast: 1.3
      },
      {
        what: "What an audited event (`written`) adds to a request, against what a line of pino adds in fastify",
        of: "CPU time",
        measured: addedRatio({ with: written, without: bare }, { with: pino, without: fastify }, "cpu"),
        atMost: 1,
        why: batches
      }
    ],
    meaning: ({ bare, accepted, written, durable, configured, fastify, pino }) => `
      A request whose event the operating system has before the response goes gives ${verdict(written, bare, "request")},
      compared with a request without an event: ${extra(written, bare)}. Where the event need only be accepted it is
      ${extra(accepted, bare)}, and where it is chained and fsynced ${extra(durable, bare)}, at
      ${verdict(durable, bare, "request")}. Served and logged through \`Config\`, as an application is deployed, the same gives
      ${verdict(configured, durable, "request")}, compared with that. A line of pino costs a request of fastify ${extra(pino, fastify)}; nothing of it is
      synced. One line alone is written and synced in ${syncTime} ms on this disk, and ${connections} connections share each
      sync: with another disk or fewer connections the requests per second say more about the disk, and the CPU time is what
      can be compared.`
  }
}

const durable = ({ folder }) => ({
  title: "A route whose event is durable, at 64 connections",
  columns,
  contestants: {
    bare: { ...registrar("no event", "/ok", join(folder, "bare-64"), "durable"), connections: 64 },
    durable: {
      ...registrar('`responseWaitsFor: "durable"`, chain', "/audited", join(folder, "durable-64"), "durable", "chain"),
      file: join(folder, "durable-64"),
      connections: 64
    }
  },
  targets: ({ bare, durable }) => [
    {
      what: "An audited route (`durable`, chain), 64 connections, against one without an event",
      of: "requests/s",
      measured: ratio(durable, bare, "rate"),
      atLeast: 0.9,
      why: batches
    }
  ],
  meaning: ({ bare, durable }) => `
    Each response waits for the fsync of its chained event, which it shares with the others that wait: that gives
    ${verdict(durable, bare, "request")}, and ${extra(durable, bare)} for each request.`
})

export const cases = (setting) => [failing, succeeding, auditing(setting), durable(setting)]
