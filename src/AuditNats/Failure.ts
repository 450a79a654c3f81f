/**
 * Why NATS did not do what it was asked for, in sentences for whoever has to mend it. The driver's errors end here.
 */
import { JetStreamApiError } from "@nats-io/jetstream"
import { errors } from "@nats-io/transport-node"
import { Predicate } from "effect"
import { AuditStoreError } from "../AuditStore.js"

type Reason = AuditStoreError["reason"]

/** As it is named in errors. */
export const store = "NATS"

export const make = (reason: Reason, description: string, cause?: unknown): AuditStoreError =>
  new AuditStoreError({ store, reason, description, ...(cause === undefined ? {} : { cause }) })

export const misconfigured = (description: string): AuditStoreError => make("Misconfigured", description)

/** An error of the driver. */
export const toStoreError = (error: unknown): AuditStoreError => {
  const root = rootOf(error)
  const [reason, problem] = ofApi(root) ?? ofClient(root) ?? ofSystem(root)
  return make(reason, problem, error)
}

/** The stream's last message of a subject is another one than was said. */
export const isWrongLastSequence = ({ cause }: AuditStoreError): boolean =>
  cause instanceof JetStreamApiError && wrongLastSequence.includes(cause.code)

export const isNameInUse = ({ cause }: AuditStoreError): boolean =>
  cause instanceof JetStreamApiError && cause.code === nameInUse

export const isNotFound = ({ cause }: AuditStoreError): boolean =>
  cause instanceof JetStreamApiError && notFound.includes(cause.code)

/** Nobody listens there: no stream, or no JetStream. */
export const isUnanswered = ({ cause }: AuditStoreError): boolean => rootOf(cause) instanceof errors.NoRespondersError

/** What the driver wraps says more than its wrapping. */
const rootOf = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const wrongLastSequence: ReadonlyArray<number> = [10071, 10164]
const nameInUse = 10058
const notFound: ReadonlyArray<number> = [10014, 10059]

/** By the error codes of JetStream. */
const problems: ReadonlyArray<readonly [codes: ReadonlyArray<number>, reason: Reason, problem: string]> = [
  [[10059], "Misconfigured", "there is no such stream: create it, correct its name, or set 'manage'"],
  [[10014], "Misconfigured", "there is no such consumer: it was deleted"],
  [
    [10077, 10023, 10047, 10028, 10002, 10054, 10119, 10120, 10121, 10122],
    "Full",
    "the stream is full, or may not grow: make room for it, or raise its limits"
  ],
  [[10060], "Misconfigured", "another stream holds the subject: correct 'stream' or 'subject'"],
  [[10065], "Misconfigured", "another stream holds the subjects: correct 'stream' or 'subject'"],
  [
    [10039, 10076],
    "Misconfigured",
    "this account has no JetStream: start the server with '-js', and enable it for the account"
  ],
  [
    [10074],
    "Misconfigured",
    "only a cluster has replicas, as many as it has servers: lower 'replicas', or give the servers of a cluster"
  ],
  [[10093], "Misconfigured", "the stream does not hold the subject: correct 'stream' or 'subject'"],
  [[10109], "Unwritable", "the stream is sealed: it takes nothing any more"],
  [wrongLastSequence, "Forked", "the stream ends with another message than the one that was written last"]
]

const ofApi = (error: unknown): readonly [Reason, string] | undefined => {
  if (!(error instanceof JetStreamApiError)) return undefined
  const { code, message, status } = error
  const known = problems.find(([codes]) => codes.includes(code))
  const [reason, problem]: readonly [Reason, string] =
    known === undefined
      ? [status === 503 ? "Unavailable" : "Misconfigured", "it refuses what it was asked for"]
      : [known[1], known[2]]
  return [reason, `${problem} (${message}, ${code})`]
}

const ofClient = (error: unknown): readonly [Reason, string] | undefined => {
  if (error instanceof errors.TimeoutError) {
    return ["Unavailable", "it did not answer in time: nobody knows whether it did what it was asked for"]
  }
  if (error instanceof errors.NoRespondersError) {
    return [
      "Unavailable",
      `nobody takes '${error.subject}' at the moment: the stream is gone or has no leader, or the server has no JetStream`
    ]
  }
  if (error instanceof errors.PermissionViolationError) {
    const { operation, subject } = error
    const may = operation === "publish" ? "publish" : "subscribe"
    return ["Unwritable", `this user may not ${may} to '${subject}': grant it what 'docs/guides/nats.md' says`]
  }
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    return ["Misconfigured", "it does not let this user in: correct the credentials"]
  }
  if (
    error instanceof errors.ClosedConnectionError ||
    error instanceof errors.DrainingConnectionError ||
    error instanceof errors.RequestError
  ) {
    return ["Unavailable", "the connection was cut: nobody knows whether it did what it was asked for"]
  }
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.InvalidSubjectError) {
    return ["Misconfigured", `the driver refuses what it was given (${error.message})`]
  }
  return undefined
}

/** The operating system's, or whatever else. */
const ofSystem = (error: unknown): readonly [Reason, string] => {
  const code = Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : ""
  if (/^ENOTFOUND|^EAI_AGAIN/.test(code)) {
    return ["Unavailable", `its host name is not known: correct it, or wait for the name service (${code})`]
  }
  if (/^ERR_TLS|^ERR_SSL|CERT|SIGNATURE/.test(code)) {
    return ["Misconfigured", `its certificate is not accepted, or it does not speak TLS (${code})`]
  }
  if (code !== "" || error instanceof errors.ConnectionError) {
    return ["Unavailable", `it cannot be reached, or has ended the connection (${code || messageOf(error)})`]
  }
  return ["Unavailable", `it could not be used (${messageOf(error)})`]
}
