/**
 * The address of the client, as far as the proxies before the server can be trusted to know it.
 */
export const clientAddress = (
  remoteAddress: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: number
): string | undefined => {
  const remote = remoteAddress === undefined ? undefined : normalize(remoteAddress)
  if (trustedProxies <= 0 || forwardedFor === undefined) return remote
  // Each proxy appends what it saw: counted from the right, the entry of the outermost trusted one was not the client's to write.
  const seen = forwardedFor.split(",").map((entry) => normalize(entry.trim()))
  return seen[Math.max(0, seen.length - trustedProxies)] ?? remote
}

/** The bare address: without port, brackets or the IPv4-in-IPv6 prefix. Nothing that is no address gets into a log. */
const normalize = (entry: string): string | undefined => {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1] ?? entry
  const address = bare.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "")
  return isAddress.test(address) ? address.toLowerCase() : undefined
}

const isAddress =
  /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$|^(?=.*:.*:)(?!.*:::)[0-9a-f:]{2,39}(?:%[\w.-]{1,16})?$/i
