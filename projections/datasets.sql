-- @projection datasets version 1
-- @topics     datasets
-- @envelope   id=$.eventId type=$.type time=$.timestamp

-- The catalogue of an energy-data platform. A deleted dataset keeps its row (`deleted_at` is
-- set), and the view `catalogue` shows those that are there.

-- @schema
CREATE TABLE datasets (
  dataset_id text PRIMARY KEY,
  name       text NOT NULL,
  owner      text NOT NULL,
  region     text,
  size_bytes integer NOT NULL DEFAULT 0,
  revision   integer NOT NULL,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  deleted_at text
);
CREATE TABLE dataset_tags (
  dataset_id text NOT NULL,
  tag        text NOT NULL,
  PRIMARY KEY (dataset_id, tag)
);
CREATE VIEW catalogue AS
SELECT dataset_id, name, owner, region, size_bytes, revision, updated_at
FROM datasets WHERE deleted_at IS NULL;

-- A dataset that comes back under its old id starts a new life: revision 1, not deleted.
-- @on dataset.created
INSERT INTO datasets (dataset_id, name, owner, region, size_bytes, revision, created_at, updated_at)
VALUES ($.data.datasetId!, $.data.name!, $.data.owner!, $.data.region,
        coalesce($.data.sizeBytes, 0), 1, :time, :time)
ON CONFLICT (dataset_id) DO UPDATE SET
  name = excluded.name, owner = excluded.owner, region = excluded.region,
  size_bytes = excluded.size_bytes, revision = 1,
  created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = NULL;
DELETE FROM dataset_tags WHERE dataset_id = $.data.datasetId;

-- An update names only what changes.
-- @on dataset.updated
UPDATE datasets SET
  name = coalesce($.data.name, name), owner = coalesce($.data.owner, owner),
  region = coalesce($.data.region, region), size_bytes = coalesce($.data.sizeBytes, size_bytes),
  revision = revision + 1, updated_at = :time
WHERE dataset_id = $.data.datasetId! AND deleted_at IS NULL;

-- @on dataset.created, dataset.updated each $.data.tags
INSERT INTO dataset_tags (dataset_id, tag)
SELECT dataset_id, $item FROM datasets WHERE dataset_id = $.data.datasetId AND deleted_at IS NULL
ON CONFLICT (dataset_id, tag) DO NOTHING;

-- @on dataset.deleted
UPDATE datasets SET deleted_at = :time, updated_at = :time
WHERE dataset_id = $.data.datasetId! AND deleted_at IS NULL;
DELETE FROM dataset_tags WHERE dataset_id = $.data.datasetId;

-- @check nothing changes after its deletion
SELECT dataset_id FROM datasets WHERE deleted_at IS NOT NULL AND updated_at > deleted_at;

-- @check a tag belongs to a dataset that is there
SELECT t.dataset_id, t.tag FROM dataset_tags t
LEFT JOIN catalogue c ON c.dataset_id = t.dataset_id WHERE c.dataset_id IS NULL;

-- @sample largest datasets
SELECT name, owner, revision, size_bytes FROM catalogue
ORDER BY size_bytes DESC, dataset_id LIMIT 8;

-- @sample datasets by tag
SELECT tag, count(*) AS datasets FROM dataset_tags GROUP BY tag ORDER BY datasets DESC, tag;

-- @sample datasets by owner
SELECT owner, count(*) AS datasets, sum(size_bytes) / 1000000 AS megabytes FROM catalogue
GROUP BY owner ORDER BY megabytes DESC, owner;
