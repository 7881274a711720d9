-- One visit of yesterday noon, by columns that every released version has.
INSERT INTO views (ts, received_at, app, environment, release, session_id, user_key, view_id, route, browser, traffic, weight, path, kind, duration, attributes)
SELECT toDateTime64(toDate(now('UTC')) - 1, 3, 'UTC') + INTERVAL 12 HOUR, now64(3, 'UTC'), 'shop', 'production', '1.0', 'kept', 'ann', 'v1', '/cart', 'Firefox', 'real', 1000, '/cart', 'load', 900, map('plan', 'free');
INSERT INTO vitals (ts, received_at, app, environment, release, session_id, view_id, route, browser, traffic, weight, metric, metric_id, reported_at, value, rating, target)
SELECT toDateTime64(toDate(now('UTC')) - 1, 3, 'UTC') + INTERVAL 12 HOUR, now64(3, 'UTC'), 'shop', 'production', '1.0', 'kept', 'v1', '/cart', 'Firefox', 'real', 1000, 'lcp', 'm1', now64(3, 'UTC'), 5000, 'poor', 'img.hero';
INSERT INTO requests (ts, received_at, app, environment, release, session_id, view_id, trace_id, route, browser, traffic, weight, kind, method, host, path, endpoint, party, status, duration)
SELECT toDateTime64(toDate(now('UTC')) - 1, 3, 'UTC') + INTERVAL 12 HOUR, now64(3, 'UTC'), 'shop', 'production', '1.0', 'kept', 'v1', '0af7651916cd43dd8448eb211c80319c', '/cart', 'Firefox', 'real', 1000, 'fetch', 'GET', 'api.shop', '/cart', '/cart', 'first', 200, 80;
INSERT INTO errors (ts, received_at, app, environment, release, session_id, view_id, route, browser, traffic, weight, kind, error_type, message, fingerprint)
SELECT toDateTime64(toDate(now('UTC')) - 1, 3, 'UTC') + INTERVAL 12 HOUR, now64(3, 'UTC'), 'shop', 'production', '1.0', 'kept', 'v1', '/cart', 'Firefox', 'real', 1000, 'exception', 'TypeError', 'x is undefined', 'f1';
INSERT INTO actions (ts, received_at, app, environment, release, session_id, view_id, route, browser, traffic, weight, kind, name, target)
SELECT toDateTime64(toDate(now('UTC')) - 1, 3, 'UTC') + INTERVAL 12 HOUR, now64(3, 'UTC'), 'shop', 'production', '1.0', 'kept', 'v1', '/cart', 'Firefox', 'real', 1000, 'click', 'pay', 'button';
INSERT INTO session_events (app, environment, session_id, ts, reported_at, kind, name, value, state, detail, view_id, trace_id, route, browser, release, traffic, weight)
SELECT 'shop', 'production', 'kept', toDateTime64(toDate(now('UTC')) - 1, 3, 'UTC') + INTERVAL 12 HOUR, now64(3, 'UTC'), kind, name, value, state, detail, 'v1', trace, '/cart', 'Firefox', '1.0', 'real', 1000
FROM values('kind String, name String, value Float64, state String, detail String, trace String',
  ('view', '/cart', 900, 'load', '', ''), ('vital', 'lcp', 5000, 'poor', 'img.hero', ''),
  ('request', 'GET api.shop/cart', 80, '200', '', '0af7651916cd43dd8448eb211c80319c'),
  ('error', 'TypeError', 0, 'exception', 'x is undefined', ''), ('action', 'pay', 0, 'click', 'button', ''));
