// Fastify as its documentation makes it fast: no logger, and a Schema of each response, which is compiled to its
// serializer. `node fastify.mjs [<log file>]`: a route writes one line of pino there, with one system call each.
import createError from "@fastify/error"
import Fastify from "fastify"
import { pino } from "pino"
import { files, lineOf } from "./byHand.mjs"
import { launchPlain } from "./launch.mjs"

const [path] = process.argv.slice(2)
const logger = path && pino({ base: { source: "app" } }, pino.destination({ dest: path, sync: true }))

// Without a stack trace, which is an option of its own.
const RateLimited = createError(
  "BENCH_RATE_LIMITED",
  "Too many requests from %s, try again in %d minutes",
  429,
  Error,
  false
)

const object = (properties) => ({ type: "object", properties })
const string = { type: "string" }
const integer = { type: "integer" }
const ok = { schema: { response: { 200: object({ status: string, files: integer }) } } }
const limited = {
  schema: { response: { 429: object({ statusCode: integer, code: string, error: string, message: string }) } }
}

const app = Fastify({ logger: false })
app.get("/ok", ok, async () => files)
app.get("/limited", limited, async () => {
  throw new RateLimited("192.0.2.7", 15)
})
app.get("/logged", ok, async ({ ip, url }) => {
  const { fields, message } = lineOf(ip, url, 3)
  logger.info(fields, message)
  return files
})

launchPlain(async (address) => {
  await app.listen(address)
  return app.server
})
