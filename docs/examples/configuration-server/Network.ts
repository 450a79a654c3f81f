/**
 * Networks in CIDR notation, IPv4 and IPv6.
 */
import { Schema } from "effect"
import ipaddr from "ipaddr.js"

export const Network = Schema.String.pipe(
  Schema.filter(ipaddr.isValidCIDR, {
    message: () => "Expected a network such as 10.0.0.0/8 or 2001:db8::/32"
  })
)

/** Whether the address is in one of the networks. An IPv4 address that came mapped into IPv6 is an IPv4 address. */
export const anyContains = (networks: ReadonlyArray<string>, address: string): boolean => {
  if (!ipaddr.isValid(address)) return false
  const bare = ipaddr.process(address)
  return networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network)
    return bare.kind() === base.kind() && bare.match(base, bits)
  })
}

/** Whom an address belongs to: itself, or its IPv6 /64, which is what a single subscriber is given. */
export const subscriberOf = (address: string): string => {
  if (!ipaddr.isValid(address)) return address
  const bare = ipaddr.process(address)
  return bare.kind() === "ipv4" ? bare.toString() : `${bare.toByteArray().slice(0, 8).join(".")}/64`
}
