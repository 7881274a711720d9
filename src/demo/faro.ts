/**
 * The Grafana Faro Web SDK and its tracing as one script, under the global names that its own CDN bundles use. The demo
 * shop's pages start it themselves, as its documentation tells a site to.
 */
import * as sdk from '@grafana/faro-web-sdk';
import * as tracing from '@grafana/faro-web-tracing';

Object.assign(window, { GrafanaFaroWebSdk: sdk, GrafanaFaroWebTracing: tracing });
