public import Books
public import Kernel
public import Postgres

/// A file to be kept, with what stands in it.
public struct NewBatch: Sendable {
    public struct Item: Sendable {
        public var key: PostKey
        public var revision: Int
        public var reference: String
        public var currency: String
        public var figureMinor: Int64
        public var findable: Bool

        public init(key: PostKey, revision: Int, reference: String, currency: String, figureMinor: Int64, findable: Bool) {
            self.key = key
            self.revision = revision
            self.reference = reference
            self.currency = currency
            self.figureMinor = figureMinor
            self.findable = findable
        }
    }

    public var id: BatchID
    public var connection: ConnectionID
    public var number: Int
    public var form: String
    public var formVersion: String
    public var fileName: String
    public var mediaType: String
    public var content: [UInt8]
    public var digest: [UInt8]
    public var rows: Int
    /// JSON array.
    public var notes: [UInt8]
    public var actor: String
    public var items: [Item]

    public init(
        id: BatchID, connection: ConnectionID, number: Int, form: String, formVersion: String, fileName: String, mediaType: String, content: [UInt8],
        digest: [UInt8], rows: Int, notes: [UInt8], actor: String, items: [Item]
    ) {
        self.id = id
        self.connection = connection
        self.number = number
        self.form = form
        self.formVersion = formVersion
        self.fileName = fileName
        self.mediaType = mediaType
        self.content = content
        self.digest = digest
        self.rows = rows
        self.notes = notes
        self.actor = actor
        self.items = items
    }
}

/// A posting in a batch.
public struct BatchItem: Sendable {
    public var key: PostKey
    public var flow: FlowID
    public var caseID: String
    public var reference: String
    public var currency: String
    public var figureMinor: Int64
    public var findable: Bool
}

/// A batch as orders look at it.
public struct BatchHead: Sendable {
    public var id: BatchID
    public var connection: ConnectionID
    public var number: Int
    public var form: String
    public var state: String
    public var fileName: String
    public var mediaType: String
    public var downloads: Int
}

public enum BatchStatements {
    static let shown = """
        json_build_object('id', b.id, 'tenant', b.tenant_id, 'connection', b.connection_id, 'number', b.number, 'form', b.form, 'form_version', b.form_version,
          'state', b.state, 'file', json_build_object('name', b.file_name, 'media_type', b.media_type, 'bytes', octet_length(b.content),
            'sha256', encode(b.digest, 'hex'), 'rows', b.file_rows, 'downloads', b.downloads), 'notes', b.notes, 'created_by', b.created_by,
          'created_at', \(AdminSQL.utc("b.created_at")), 'handed_over_at', \(AdminSQL.utc("b.handed_over_at")), 'settled_at', \(AdminSQL.utc("b.settled_at")),
          'postings', (SELECT json_build_object('in_hand', count(*) FILTER (WHERE i.state = 'in_hand'),
            'confirmed', count(*) FILTER (WHERE i.state = 'confirmed'), 'withdrawn', count(*) FILTER (WHERE i.state = 'withdrawn')) FROM app.batch_postings i WHERE i.tenant_id = b.tenant_id AND i.batch_id = b.id))
        """

    public static func list(_ tenant: TenantID, _ connection: ConnectionID, state: String?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT b.tenant_id, \(unsafe: shown) AS json, ARRAY[b.number::text] AS cursor FROM app.batches b
            WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection) AND b.number < \(Int64(page.text(0)) ?? 1 << 30)
            """
        if let state { sql += " AND b.state = \(state)" }
        return sql + " ORDER BY b.number DESC LIMIT \(page.limit)"
    }

    public static func one(_ id: BatchID, _ sees: Visibility) -> SQL {
        """
        SELECT b.tenant_id, \(unsafe: shown) AS json FROM app.tenants t JOIN app.batches b ON b.tenant_id = t.tenant_id AND b.id = \(id)
        WHERE \(sees.condition("t"))
        """
    }

    public static func items(_ tenant: TenantID, _ id: BatchID, _ page: PageRequest) -> SQL {
        """
        SELECT i.tenant_id, ARRAY[i.reference] AS cursor, json_build_object('post_key', i.post_key, 'revision', i.revision, 'reference', i.reference,
          'state', i.state, 'currency', i.currency, 'figure_minor', i.figure_minor, 'findable', i.findable, 'finding', i.finding,
          'settled_at', \(unsafe: AdminSQL.utc("i.settled_at"))) AS json
        FROM app.batch_postings i WHERE i.tenant_id = \(tenant) AND i.batch_id = \(id) AND i.reference > \(page.text(0))
        ORDER BY i.reference LIMIT \(page.limit)
        """
    }

    /// Keeps batches of one connection in their order: numbers are drawn under it.
    public static func lockConnection(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        "SELECT id FROM app.connections WHERE tenant_id = \(tenant) AND id = \(connection) FOR NO KEY UPDATE"
    }

    public static func nextNumber(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        "SELECT coalesce(max(number), 0)::bigint + 1 AS n FROM app.batches WHERE tenant_id = \(tenant) AND connection_id = \(connection)"
    }

    /// Postings that passed every check and that nobody is sending: they are locked, so that nobody begins to. One whose ledger document went there by its API
    /// is changed by its API.
    public static func takeable(_ tenant: TenantID, _ connection: ConnectionID, until: LocalDate?, limit: Int) -> SQL {
        var sql: SQL = """
            SELECT \(unsafe: PostingStatements.columns) FROM app.postings p
            WHERE p.tenant_id = \(tenant) AND p.ledger_id = \(connection) AND p.state = 'cleared' AND p.batch_id IS NULL AND (p.remote_id IS NULL OR p.by_hand)
              AND EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = p.tenant_id AND f.id = p.flow_id AND f.state = 'active')
              AND coalesce((p.plan->>'not_before')::timestamptz, now()) <= now()
              AND NOT EXISTS (SELECT FROM app.intents i WHERE i.tenant_id = p.tenant_id AND i.post_key = p.post_key AND i.state IN ('open', 'unknown'))
              AND NOT \(unsafe: RestoreStatements.olderDoubted)
            """
        if let until { sql += " AND p.ledger_date <= \(until)" }
        return sql + " ORDER BY p.ledger_date, p.post_key LIMIT \(limit) FOR UPDATE OF p"
    }

    /// Of these postings, those that stand in the ledger.
    public static func standing(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT post_key FROM app.postings WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text)))
          AND (state IN ('posted', 'confirmed', 'reconciled') OR remote_id IS NOT NULL AND state <> 'voided')
        """
    }

    public static func insert(_ tenant: TenantID, _ new: NewBatch) -> SQL {
        """
        INSERT INTO app.batches AS b (tenant_id, id, connection_id, number, form, form_version, file_name, media_type, content, digest, file_rows, notes,
          created_by)
        VALUES (\(tenant), \(new.id), \(new.connection), \(Int32(new.number)), \(new.form), \(new.formVersion), \(new.fileName), \(new.mediaType),
          \(new.content), \(new.digest), \(Int32(new.rows)), \(PostgresJSON(new.notes)), \(new.actor))
        """
    }

    public static func insertItems(_ tenant: TenantID, _ new: NewBatch) -> SQL {
        """
        INSERT INTO app.batch_postings (tenant_id, batch_id, post_key, revision, reference, currency, figure_minor, findable)
        SELECT \(tenant), \(new.id), k, r, n, c, f, s FROM unnest(\(new.items.map(\.key.text)), \(new.items.map { Int64($0.revision) }),
          \(new.items.map(\.reference)), \(new.items.map(\.currency)), \(new.items.map(\.figureMinor)), \(new.items.map(\.findable))) AS t(k, r, n, c, f, s)
        """
    }

    /// From here on nothing sends them: only `cleared` postings are ever sent.
    public static func take(_ tenant: TenantID, _ new: NewBatch) -> SQL {
        """
        UPDATE app.postings p SET state = 'manual', batch_id = \(new.id), findings = '[]', fault = NULL, updated_at = clock_timestamp()
        FROM unnest(\(new.items.map(\.key.text)), \(new.items.map { Int64($0.revision) })) AS t(k, r)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.revision = r AND p.state = 'cleared' AND p.batch_id IS NULL
        """
    }

    public static func head(_ tenant: TenantID, _ id: BatchID) -> SQL {
        """
        SELECT id, connection_id, number, form, state, file_name, media_type, downloads FROM app.batches WHERE tenant_id = \(tenant) AND id = \(id) FOR UPDATE
        """
    }

    public static func handOver(_ tenant: TenantID, _ id: BatchID) -> SQL {
        "UPDATE app.batches SET state = 'handed_over', handed_over_at = clock_timestamp() WHERE tenant_id = \(tenant) AND id = \(id) AND state = 'open'"
    }

    public static func download(_ tenant: TenantID, _ id: BatchID) -> SQL {
        """
        UPDATE app.batches SET downloads = downloads + 1 WHERE tenant_id = \(tenant) AND id = \(id) AND state IN ('handed_over', 'confirmed') RETURNING content
        """
    }

    public static func inHand(_ tenant: TenantID, _ id: BatchID) -> SQL {
        """
        SELECT i.post_key, p.flow_id, p.case_id, i.reference, i.currency, i.figure_minor, i.findable
        FROM app.batch_postings i JOIN app.postings p ON p.tenant_id = i.tenant_id AND p.post_key = i.post_key
        WHERE i.tenant_id = \(tenant) AND i.batch_id = \(id) AND i.state = 'in_hand' AND p.batch_id = i.batch_id ORDER BY i.post_key FOR UPDATE OF p
        """
    }

    /// The ledger has them, by a person's word or list: what was planned is what is there. `remote_id` of the first file stays.
    public static func settleByHand(_ tenant: TenantID, _ id: BatchID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.postings p SET state = CASE WHEN p.effect = 'void' THEN 'voided' ELSE 'confirmed' END, sent = p.plan, sent_digest = p.plan_digest,
          remote_id = coalesce(p.remote_id, i.reference), by_hand = true, batch_id = NULL, posted_at = clock_timestamp(), confirmed_at = clock_timestamp(),
          findings = '[]', fault = NULL, attempts = 0, updated_at = clock_timestamp()
        FROM app.batch_postings i
        WHERE i.tenant_id = \(tenant) AND i.batch_id = \(id) AND i.post_key = p.post_key AND i.state = 'in_hand'
          AND p.tenant_id = \(tenant) AND p.post_key = ANY (\(keys.map(\.text))) AND p.batch_id = \(id) AND p.state = 'manual'
        """
    }

    /// The ledger's API shows them: `confirm` compares what is there with what was meant, as of anything that was sent.
    public static func settleFound(_ tenant: TenantID, _ id: BatchID, _ rows: [(key: PostKey, remoteID: String, version: String?)]) -> SQL {
        """
        UPDATE app.postings p SET state = 'posted', sent = plan, sent_digest = plan_digest, remote_id = r, remote_version = v, batch_id = NULL,
          posted_at = clock_timestamp(), findings = '[]', fault = NULL, attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp()
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.remoteID)), \(rows.map(\.version))) AS t(k, r, v)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.batch_id = \(id) AND p.state = 'manual'
        RETURNING p.post_key
        """
    }

    /// What of the batch was confirmed: a list that shows it otherwise now shows what happened since.
    public static func confirmedItems(_ tenant: TenantID, _ id: BatchID) -> SQL {
        """
        SELECT i.post_key, p.flow_id, p.case_id, i.reference, i.currency, i.figure_minor, i.findable
        FROM app.batch_postings i JOIN app.postings p ON p.tenant_id = i.tenant_id AND p.post_key = i.post_key
        WHERE i.tenant_id = \(tenant) AND i.batch_id = \(id) AND i.state = 'confirmed' ORDER BY i.post_key
        """
    }

    /// Notes what the sources say of postings in hand, where it is news. The file stays as it is. Gives back their batches.
    public static func noteInHand(_ tenant: TenantID, _ keys: [PostKey], findings: [UInt8]) -> SQL {
        """
        WITH n AS (
          UPDATE app.postings SET findings = \(PostgresJSON(findings)), updated_at = clock_timestamp()
          WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND batch_id IS NOT NULL AND findings <> \(PostgresJSON(findings))
          RETURNING post_key, batch_id
        )
        SELECT n.post_key, b.id, b.number FROM n JOIN app.batches b ON b.tenant_id = \(tenant) AND b.id = n.batch_id ORDER BY b.number, n.post_key
        """
    }

    /// Of these postings, the parts of a gathered document that a batch has in hand: they stay as they stand in its file.
    public static func partsInHand(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT p.post_key, g.post_key AS whole FROM app.postings p JOIN app.postings g ON g.tenant_id = p.tenant_id AND g.post_key = p.part_of
        WHERE p.tenant_id = \(tenant) AND p.post_key = ANY (\(keys.map(\.text))) AND g.batch_id IS NOT NULL ORDER BY p.post_key
        """
    }

    /// The cases of the parts of these documents: their plans waited for the batch.
    public static func dirtyParts(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        WITH d AS (
          UPDATE app.cases c SET dirty = true, changed_at = clock_timestamp() FROM (
            SELECT DISTINCT p.flow_id, p.case_id FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.part_of = ANY (\(keys.map(\.text)))) x
          WHERE c.tenant_id = \(tenant) AND c.flow_id = x.flow_id AND c.case_id = x.case_id RETURNING c.flow_id
        )
        SELECT DISTINCT flow_id FROM d
        """
    }

    public static func settleItems(_ tenant: TenantID, _ id: BatchID, _ keys: [PostKey], state: String) -> SQL {
        """
        UPDATE app.batch_postings SET state = \(state), finding = CASE WHEN \(state) = 'confirmed' THEN NULL ELSE finding END, settled_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND batch_id = \(id) AND post_key = ANY (\(keys.map(\.text))) AND state = 'in_hand'
        """
    }

    public static func note(_ tenant: TenantID, _ id: BatchID, _ findings: [(key: PostKey, why: String)]) -> SQL {
        """
        UPDATE app.batch_postings i SET finding = w FROM unnest(\(findings.map(\.key.text)), \(findings.map(\.why))) AS t(k, w)
        WHERE i.tenant_id = \(tenant) AND i.batch_id = \(id) AND i.post_key = k AND i.state = 'in_hand'
        """
    }

    /// Ends the batch once nothing of it is in hand: confirmed when anything of it was, withdrawn otherwise.
    public static func close(_ tenant: TenantID, _ id: BatchID) -> SQL {
        """
        UPDATE app.batches b SET settled_at = clock_timestamp(), state = CASE WHEN EXISTS (SELECT FROM app.batch_postings i
            WHERE i.tenant_id = b.tenant_id AND i.batch_id = b.id AND i.state = 'confirmed') THEN 'confirmed' ELSE 'withdrawn' END
        WHERE b.tenant_id = \(tenant) AND b.id = \(id) AND b.state IN ('open', 'handed_over')
          AND NOT EXISTS (SELECT FROM app.batch_postings i WHERE i.tenant_id = b.tenant_id AND i.batch_id = b.id AND i.state = 'in_hand')
        """
    }

    /// They are planned and checked anew: the file never left, or nothing could show whether it was imported and a person says that it was not.
    public static func release(_ tenant: TenantID, _ id: BatchID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.postings SET state = 'mapped', batch_id = NULL, findings = '[]', fault = NULL, attempts = 0, next_attempt_at = now(),
          updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND batch_id = \(id) AND state = 'manual'
        """
    }

    /// The ledger is asked before anything is sent: a send of unknown outcome, as far as recovery can tell.
    public static func doubt(_ tenant: TenantID, _ id: BatchID, _ keys: [PostKey]) -> SQL {
        """
        WITH d AS (
          UPDATE app.postings SET state = 'unknown', batch_id = NULL, findings = '[]', attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp(),
            fault = '{"code":"outcome_unknown","summary":"handed over in a file and withdrawn: looked for before it is sent"}'
          WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND batch_id = \(id) AND state = 'manual'
          RETURNING post_key, revision, plan_digest
        )
        INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, evidence)
        SELECT \(tenant), post_key, revision, 'create', 'batch-' || \(id)::text, plan_digest, 0, 'unknown', '{"why":"handed over in a file and withdrawn"}' FROM d
        """
    }

    /// Postings of files handed over that the ledger's API can be asked for.
    public static func handedOver(_ tenant: TenantID, _ connection: ConnectionID, after: String, limit: Int) -> SQL {
        """
        SELECT i.batch_id, i.post_key FROM app.batches b JOIN app.batch_postings i ON i.tenant_id = b.tenant_id AND i.batch_id = b.id
        WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection) AND b.state = 'handed_over' AND i.state = 'in_hand' AND i.findable
          AND i.post_key > \(after) ORDER BY i.post_key LIMIT \(limit)
        """
    }
}

extension BatchItem {
    init(_ row: PostgresRow) throws(Fault) {
        guard let key = PostKey(try row.get("post_key", as: String.self)) else {
            throw Fault("post_key_malformed", stage: .database, disposition: .bug, summary: "a stored posting key is malformed")
        }
        self.key = key
        flow = try row.get("flow_id")
        caseID = try row.get("case_id")
        reference = try row.get("reference")
        currency = try row.get("currency")
        figureMinor = try row.get("figure_minor")
        findable = try row.get("findable")
    }
}
