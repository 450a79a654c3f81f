/**
 * Addresses, for readers that refuse a whole record over one that is none.
 */

export const isIpv4 = (text: string): boolean => ipv4.test(text)

/** Without a zone, which means nothing elsewhere. */
export const isIpv6 = (text: string): boolean => /^[0-9a-f:.]{2,45}$/i.test(text) && URL.canParse(`http://[${text}]/`)

export const isIp = (text: string): boolean => isIpv4(text) || isIpv6(text)

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
