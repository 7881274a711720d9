-- Whose the script of a slow interaction or the resource of the largest paint is: first, third, or empty where the
-- attribution names neither. On a cluster the Distributed table of the plain name needs the column as well.
ALTER TABLE {{table "vitals"}} {{on_cluster}} ADD COLUMN IF NOT EXISTS party LowCardinality(String) AFTER parts;

ALTER TABLE vitals {{on_cluster}} ADD COLUMN IF NOT EXISTS party LowCardinality(String) AFTER parts;
