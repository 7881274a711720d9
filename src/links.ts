import type { DataFrame, DataQueryResponse, TimeRange } from '@grafana/data';

/**
 * Makes the links of an answer open Explore at the time that the answer is about. By itself Grafana takes Explore's last
 * hour, where the logs of yesterday's session are not. The backend cannot say it: the SDK writes a link's time under a name
 * that Grafana does not read.
 */
export function linksAtTheirTime(response: DataQueryResponse, range: TimeRange): DataQueryResponse {
  for (const { fields } of response.data as DataFrame[]) {
    for (const { config } of fields) {
      for (const { internal } of config.links ?? []) {
        if (internal) {
          internal.range = range;
        }
      }
    }
  }
  return response;
}
