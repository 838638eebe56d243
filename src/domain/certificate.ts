/** A TLS certificate as a host serves and renews it. */
export interface HostCertificate {
  /** Name that clients ask for. */
  domain: string;
  port: number;
  /** Where to connect; without any, to every address that DNS gives for the name. */
  addresses: string[];
  /** File with the chain, leaf first, and file with its key. Absolute. */
  chainFile: string;
  keyFile: string;
  /** Name of the certificate in certbot; absent if certbot does not manage it. */
  certbotName?: string;
  certbot: string[];
  /** Asks the web server whether its configuration is in order, before every reload. */
  configTest: string[];
  reload: string[];
  /** Where somebody puts a new chain and key by hand; absent if nobody does. */
  manual?: { chainFile: string; keyFile: string };
  /** PEM file of private CAs that clients trust besides the public ones. */
  trust?: string;
}

const day = 86_400_000;

/** Validity of a certificate, ms since the epoch. */
export interface Validity {
  notBefore: number;
  notAfter: number;
}

/** Days left at `now`, negative once expired. */
export function daysLeft({ notAfter }: Validity, now: number): number {
  return (notAfter - now) / day;
}

/** The alert's bound: fewer days left than the smaller of 7 and a third of the lifetime, so that short-lived ones do not ring all the time. */
export function alarmDays(validity: Validity): number {
  return Math.min(7, lifetimeDays(validity) / 3);
}

/** What a renewed certificate must have left: the smaller of 30 days and a third of its lifetime. */
export function renewedDays(validity: Validity): number {
  return Math.min(30, lifetimeDays(validity) / 3);
}

function lifetimeDays({ notBefore, notAfter }: Validity): number {
  return (notAfter - notBefore) / day;
}
