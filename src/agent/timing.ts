import type { Attributes } from './texts';

/** How long a phase of an entry took, in ms. */
export const span = (entry: PerformanceEntry, phase: string): number => {
  const times = entry as unknown as Record<string, number>;
  return Math.max(times[phase + 'End'] - times[phase + 'Start'], 0);
};

/** The phases and sizes of a request, by Faro's names, in ms and bytes. Another origin may keep them: then they are 0. */
export const phases = (entry: PerformanceResourceTiming): Attributes => ({
  redirectTime: span(entry, 'redirect'),
  dnsLookupTime: span(entry, 'domainLookup'),
  tcpHandshakeTime: span(entry, 'connect'),
  tlsNegotiationTime: entry.secureConnectionStart && entry.connectEnd - entry.secureConnectionStart,
  requestTime: entry.requestStart && entry.responseStart - entry.requestStart,
  responseTime: entry.responseStart && span(entry, 'response'),
  transferSize: entry.transferSize,
  encodedBodySize: entry.encodedBodySize,
  decodedBodySize: entry.decodedBodySize,
  protocol: entry.nextHopProtocol,
  serverTiming: entry.serverTiming?.length && JSON.stringify(entry.serverTiming),
});
