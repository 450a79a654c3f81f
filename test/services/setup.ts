/** Ends the run with one line for each service that does not answer. */
import { connect } from "node:net"
import { databaseUrl, natsUrl } from "../support/services.js"

const services = [
  { name: "PostgreSQL", variable: "DATABASE_URL", url: databaseUrl, port: 5432 },
  { name: "NATS with JetStream", variable: "NATS_URL", url: natsUrl, port: 4222 }
]

/** Where it listens, without a password that it may hold. */
const place = ({ port, url }: (typeof services)[number]) => {
  const { hostname, port: given } = new URL(url)
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: given === "" ? port : Number(given) }
}

const answers = (service: (typeof services)[number]) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ ...place(service), timeout: 5000 })
    const end = (found: boolean) => {
      socket.destroy()
      resolve(found)
    }
    socket.on("connect", () => end(true))
    socket.on("error", () => end(false))
    socket.on("timeout", () => end(false))
  })

export default async () => {
  const found = await Promise.all(services.map(answers))
  const missing = services.filter((_, index) => !found[index])
  if (missing.length === 0) return
  const lines = missing.map((service) => {
    const { host, port } = place(service)
    return `${service.name} does not answer at ${host}:${port}: start it, or set ${service.variable}`
  })
  throw new Error(lines.join("\n"))
}
