/**
 * The configuration server, put together: extensions, routes, the services they need, logs, and a Node server.
 */
import { FileSystem, HttpApiScalar, HttpServer } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { AuditSink, Catalogue, Logs, Registrar } from "effect-registrar"
import * as NodeServer from "effect-registrar/HttpErrors/Node"
import { createServer } from "node:http"
import * as Api from "./Api.js"
import * as Auth from "./Auth.js"
import * as Configs from "./Configs.js"
import * as Endpoints from "./Endpoints.js"
import * as Environments from "./Environments.js"
import * as LoginLimit from "./LoginLimit.js"
import * as RecentRecords from "./RecentRecords.js"
import * as Remotes from "./Remotes.js"
import * as Settings from "./Settings.js"
import * as StartError from "./StartError.js"
import * as Templates from "./Templates.js"
import * as Users from "./Users.js"

const source = "configuration-server"

const app = Layer.mergeAll(
  Configs.routes.pipe(Layer.provide(Auth.middleware)),
  Api.routes.pipe(Layer.provide(Auth.authenticated)),
  HttpApiScalar.layerHttpLayerRouter({ api: Api.Api, path: "/docs" }),
  Catalogue.layer({ title: "Configuration server" })
).pipe(Layer.provide([Auth.layer, Configs.layer]))

const services = ({ dataDir }: Settings.Settings) =>
  Layer.mergeAll(
    Users.layer(`${dataDir}/users.yaml`),
    LoginLimit.layer,
    Environments.layer(dataDir),
    Layer.provideMerge(Templates.layer, Endpoints.layer(`${dataDir}/endpoints`))
  )

const logs = (settings: Settings.Settings) => {
  const { logDir } = settings
  const rotation = { maxBytes: 10 * 1024 * 1024, compress: true }
  const files = Logs.layer({
    source,
    audit: { file: { path: `${logDir}/audit.log.jsonl`, chain: true, ...rotation } },
    application: { file: { path: `${logDir}/application.log.jsonl`, keep: { files: 5 }, ...rotation } }
  })
  const folder = FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.makeDirectory(logDir, { recursive: true })),
    Effect.mapError(StartError.fromPlatform("The folder LOG_DIR"))
  )
  const stored = Layer.provide(files, Layer.effectDiscard(folder))
  return AuditSink.combine(stored, ...Remotes.sinks(settings), RecentRecords.sink)
}

const server = (settings: Settings.Settings) =>
  Layer.effectDiscard(welcome).pipe(
    Layer.provide(Registrar.serve(app, { source, trustedProxies: settings.trustedProxies, maxBodySize: 64 * 1024 })),
    Layer.provide(services(settings)),
    Layer.provideMerge(NodeServer.layer(nodeServer, { host: settings.host, port: settings.port })),
    Layer.merge(Remotes.consumer(settings)),
    Layer.provide(logs(settings)),
    Layer.provide([NodeContext.layer, RecentRecords.layer])
  )

/** A client that sends nothing for long is told so, and not waited for. */
const nodeServer = () => createServer({ headersTimeout: 10_000, requestTimeout: 20_000 })

const welcome = HttpServer.addressFormattedWith((address) =>
  Console.log(
    [
      "",
      "Three requests to try:",
      "",
      `  curl -H 'Authorization: Bearer bob-token' ${address}/configs/public/motd.txt`,
      `  curl -H 'Authorization: Bearer alice-token' ${address}/configs/database.json`,
      `  curl -H 'Authorization: Bearer alice-token' -d '{"pool": 50}' ${address}/configs/database.json`,
      "",
      `Its API is described at ${address}/docs, its errors and audit events at ${address}/errors`,
      ""
    ].join("\n")
  )
)

/** Everything, from the environment. Wrong settings, users or templates fail it before a request is taken. */
export const layer = Layer.unwrapEffect(Effect.map(Settings.config, server))
