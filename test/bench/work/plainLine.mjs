// What the audit event of these benchmarks says, as a line without the library.
import { lineOf } from "../servers/byHand.mjs"
import { request } from "./effect.mjs"

export const line = (index) => {
  const { fields, message } = lineOf(request.ip, request.path, index)
  return { message, fields: { ...fields, user: request.user } }
}

export const jsonLine = (index) => {
  const { fields, message } = line(index)
  return JSON.stringify({ level: "INFO", date: new Date(), source: "app", ...fields, message })
}
