/** Values that throw when anything is done with them. */
export const throwAlways = () => {
  throw new Error("trap")
}

export const hostileProxy = new Proxy(
  {},
  {
    get: throwAlways,
    has: throwAlways,
    ownKeys: throwAlways,
    getPrototypeOf: throwAlways,
    getOwnPropertyDescriptor: throwAlways
  }
)
