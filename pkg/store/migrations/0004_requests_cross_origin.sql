-- Whether a request went to another host than the page's: browsers send it a trace id only where both sides allow it.
-- On a cluster the Distributed table of the plain name needs the column as well.
ALTER TABLE {{table "requests"}} {{on_cluster}} ADD COLUMN IF NOT EXISTS cross_origin UInt8 AFTER protocol;

ALTER TABLE requests {{on_cluster}} ADD COLUMN IF NOT EXISTS cross_origin UInt8 AFTER protocol;
