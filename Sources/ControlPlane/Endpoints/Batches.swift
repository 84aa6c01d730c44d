internal import Books
internal import ConnectorKit
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// Manual posting: docs/manual-posting.md.
    static let batches: [Endpoint] = [
        Endpoint(.get, "/v1/connections/{connection}/forms", .key(.read), About(
            "The files that a ledger imports", "docs/manual-posting.md.",
            .json(200, .object([.must("items", .things(.manualForm)), .must("next", .orNull(.words), "Always null.", example: .null)]), "All of them."), noConnector
        )) { visit in try await forms(visit) },
        Endpoint(.post, "/v1/connections/{connection}/batches", .key(.write), About(
            "Write what has not been posted into files", "Their postings are in hand from now on, and are not sent.",
            body: [
                .may("form", .line(most: 64), "Which file; the ledger's first when absent.", example: "journal-csv"), .may("until", .day, "Up to this day.", example: "2026-11-30"),
                .may("limit", .integer(1 ... ControlPlaneLimits.batchPostings), "At most so many postings.", example: 500),
            ],
            .json(201, .thing(.batchesMade), "What was made, and what was left."), .json(200, .thing(.batchesMade), "Nothing could be taken."), noConnector
        )) { visit in try await createBatches(visit) },
        Endpoint(.get, "/v1/connections/{connection}/batches", .key(.read), About(
            "A connection's batches", "Newest first.", query: [.may("state", .choice(["open", "handed_over", "confirmed", "withdrawn"]))], .page(.batch)
        )) { visit in
            let (id, tenant, _) = try await connection(visit)
            var asked = try visit.asked()
            let page = try visit.page(), state = asked.choice("state")
            return try visit.answer(try await visit.store.batches(tenant, id, state: state, page), page)
        },
        Endpoint(.post, "/v1/connections/{connection}/look", .key(.write), About(
            "Look in the ledger for what was handed over", "Where the ledger has an API that finds it.",
            .json(202, .object([.must("job", .choice(["look"])), .must("subject", .id, "The connection.")]), "It will be looked for.")
        )) { visit in
            let (id, tenant, _) = try await connection(visit)
            return try await visit.change { tx throws(Fault) in
                _ = try await tx.query(JobStatements.ask(tenant, [Job(.look, id.description, lane: .interactive)]))
                _ = try await tx.query(JobStatements.wake())
                return .init(202, JSON.object([("job", "look"), ("subject", .string(id.description))]).bytes)
            }
        },
        Endpoint(.put, "/v1/connections/{connection}/accounts", .key(.admin), About(
            "Give the accounts of a ledger without an API", "As the ledger exports them. Held documents are planned anew.",
            body: [
                .must("list", .content, "The exported file's content.", example: "number,name,type\n4010,Sales,income\n"), .may("base_currency", .currency, "Needed where the ledger has not only one."),
                .may("lock_date", .day, "The last day that is closed.", example: "2026-10-31"),
            ],
            .json(200, .object([.must("accounts", .count, example: 42)]), "How many there are."), .refused(409, "`not_by_file`: this ledger's accounts are read by its API.")
        )) { visit in try await putAccounts(visit) },
        Endpoint(.get, "/v1/batches/{batch}", .key(.read), About("A batch, with what a person does with its file", .one(.batchInFull), noConnector)) { visit in try await batch(visit) },
        Endpoint(.get, "/v1/batches/{batch}/postings", .key(.read), About("A batch's postings", .page(.batchPosting))) { visit in
            let (id, tenant) = try await batchID(visit), page = try visit.page()
            return try visit.answer(try await visit.store.batchItems(tenant, id, page), page)
        },
        Endpoint(.post, "/v1/batches/{batch}/hand-over", .key(.write), About(
            "Hand a batch over", "From now on its file may be imported.", .one(.batch), .refused(409, "`wrong_state`: it is not open.")
        )) { visit in
            let (id, tenant) = try await batchID(visit)
            return try await visit.change { tx throws(Fault) in
                try await tx.handOver(tenant, try await tx.batch(tenant, id), actor: visit.asker.actor)
                return try await answer(tx, id, visit)
            }
        },
        Endpoint(.post, "/v1/batches/{batch}/file", .key(.write), aboutFile) { visit in try await download(visit) },
        Endpoint(.post, "/v1/batches/{batch}/confirm", .key(.write), About(
            "Say what of a batch is in the ledger", "By one of the three: the ledger's own list, by which sums are compared; names alone; or a person's word for everything.",
            body: [
                .may("list", .content, "The ledger's own export.", example: .null), .may("references", .list(.words, 1 ... .max), "References of what is there.", example: .null),
                .may("all", .flag, "True: everything is there.", example: true),
            ],
            .one(.batchConfirmed), .refused(409, "`wrong_state`: it was not handed over."), noConnector
        )) { visit in try await confirm(visit) },
        Endpoint(.post, "/v1/batches/{batch}/withdraw", .key(.write), About(
            "Give back what is left of a batch", "What was handed over may have been imported: a person says that it was not, and where the ledger can be asked it is asked before anything is sent.",
            body: [
                .may("not_imported", .flag, "True: a person has looked, and nothing of what is left is in the ledger.", example: true), .may("reason", .line(most: 500), example: "the period was closed"),
            ],
            .one(.batch), .refused(409, "`wrong_state`: what is settled stays settled."), .refused(422, "`not_imported_missing`: the file was handed over, and `not_imported` is not true.")
        )) { visit in try await withdraw(visit) },
    ]

    private static let noConnector = Reply.refused(409, "`no_connector`: the connection is no ledger's; `not_configured`: the tenant has no structure or no rules yet.")

    private static var aboutFile: About {
        var file = Reply.content(200, "*/*", "The file.")
        file.fields = [("Content-Disposition", "Its name.")]
        return About(
            "Take a batch's file", "The second time only as a copy, under another name: a file that is imported twice posts twice.",
            body: [.may("copy", .flag, "True: one more copy, which is not to be imported again.", example: false)], isRepeatable: false, file,
            .refused(409, "`wrong_state`: it is not handed over yet, or withdrawn."), .refused(422, "`batch_downloaded`: it was given out already."))
    }

    private static func ledger(_ platform: JSON?, _ desk: Desk) throws -> any LedgerConnector {
        guard let connector = desk.connectors[platform?.string ?? ""] as? any LedgerConnector else {
            throw Refusal(409, "no_connector", "There is no ledger connector for this connection's platform.")
        }
        return connector
    }

    private static func batchID(_ visit: Visit) async throws -> (BatchID, TenantID) {
        let id: BatchID = try visit.identifier("batch")
        guard let tenant = try await visit.store.batch(id, visit.asker.sees)?.tenant else { throw Refusal.notFound() }
        return (id, tenant)
    }

    private static func answer(_ tx: PostgresTransaction, _ id: BatchID, _ visit: Visit) async throws(Fault) -> Visit.Outcome {
        .init(200, try (try await tx.query(BatchStatements.one(id, visit.asker.sees))).adminRow().json)
    }

    // MARK: Making

    private static func forms(_ visit: Visit) async throws -> HTTPResponse {
        let (_, _, row) = try await connection(visit)
        let connector = try ledger(row["platform"], visit.desk)
        let own = connector.manualForms, all = own + [ManualForm.journalCSV].filter { form in !own.contains { $0.id == form.id } }
        return .json(200, .object([("items", .array(all.map { form(of: $0) })), ("next", .null)]))
    }

    private static func form(of form: ManualForm) -> JSON {
        .object([
            ("id", .string(form.id)), ("name", .string(form.name)), ("version", .string(form.version)), ("ending", .string(form.writing.ending)),
            ("encoding", .string(form.writing.encoding.rawValue)), ("rows_most", .number("\(form.bounds.rows)")),
            ("postings_most", .number("\(form.bounds.entries)")),
            ("carries", .array(form.carries.map(\.rawValue).sorted().map { .string($0) })),
            ("found_by_api", .array(form.findable.map(\.rawValue).sorted().map { .string($0) })),
            ("steps", .array(form.steps.map { .string($0) })),
        ])
    }

    private static func createBatches(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, row) = try await connection(visit)
        let connector = try ledger(row["platform"], visit.desk)
        var input = try visit.input()
        let wanted = input.optionalText("form") ?? connector.manualForms.first?.id ?? ManualForm.journalCSV.id
        let until = input.date("until"), limit = input.integer("limit") ?? ControlPlaneLimits.batchPostings
        let form = connector.manualForm(wanted)
        if form == nil { input.add("form", "is not a form of this ledger", "GET /v1/connections/\(id)/forms names them.") }
        try input.check()
        guard let form else { throw Refusal.notFound() }
        var platforms: [ConnectionID: String] = [:], sources: [FlowID: String] = [:]
        for connection in try await visit.store.connections(tenant) { platforms[connection.id] = connection.platform }
        for flow in try await visit.store.flows(tenant) { sources[flow.id] = platforms[flow.sourceID] }
        let maker = ManualBatches(
            tenant: tenant, connection: id, slug: row["slug"]?.string ?? "ledger", side: try await Ledgerside.load(tenant, id, visit.desk), form: form,
            sources: sources, actor: visit.asker.actor, random: visit.desk.random)
        return try await visit.change { tx throws(Fault) in
            let made = try await maker.make(tx, until: until, limit: limit)
            return .init(made["batches"]?.array?.isEmpty == true ? 200 : 201, made.bytes)
        }
    }

    // MARK: Looking and taking away

    /// The manifest: what is in the file, and what a person does with it.
    private static func batch(_ visit: Visit) async throws -> HTTPResponse {
        let id: BatchID = try visit.identifier("batch")
        guard let row = try await visit.store.batch(id, visit.asker.sees) else { throw Refusal.notFound() }
        let json = try JSON(parsing: row.json)
        var members = json.object ?? []
        if let connection = json["connection"]?.string.flatMap({ ConnectionID($0) }),
            let found = try await visit.store.adminConnection(connection, visit.asker.sees) {
            let platform = try JSON(parsing: found.json)["platform"]
            let form = try ledger(platform, visit.desk).manualForm(json["form"]?.string ?? "")
            members.append(("steps", .array((form?.steps ?? []).map { .string($0) })))
        }
        return .json(200, .object(members))
    }

    /// The second time under another name, and only when asked for: a file that is imported twice posts twice.
    private static func download(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant) = try await batchID(visit)
        var input = try visit.input()
        let copy = input.flag("copy") ?? false
        try input.check()
        let actor = visit.asker.actor
        let (batch, content) = try await visit.store.transaction { tx throws(Fault) -> (BatchHead, [UInt8]) in
            let batch = try await tx.batch(tenant, id)
            guard batch.downloads == 0 || copy else {
                throw Fault("batch_downloaded", stage: .api, disposition: .reject, summary: "the file was given out already: importing it twice posts twice",
                    remedy: "Send {\"copy\": true} for a copy that is not to be imported again.")
            }
            return (batch, try await tx.download(tenant, batch, actor: actor))
        }
        var name = batch.fileName
        if batch.downloads > 0, let dot = name.lastIndex(of: ".") { name.insert(contentsOf: "-COPY", at: dot) }
        return HTTPResponse(200, fields: [
            "Content-Type": batch.mediaType, "Content-Disposition": "attachment; filename=\"\(name)\"", "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        ], body: content)
    }

    // MARK: What became of it

    /// `list`: the ledger's own export; `references`: names alone; `all`: a person's word for everything.
    private static func confirm(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant) = try await batchID(visit)
        var input = try visit.input()
        let given = ["list", "references", "all"].filter { input.isGiven($0) }
        if given.count != 1 {
            input.add("list", "must be the one of list, references and all", "Send the ledger's own list if there is one: sums are then compared.")
        }
        let text = input.optionalText("list"), all = input.flag("all"), references = input.list("references")
        if given == ["all"], all == false { input.add("all", "must be true", "Leave it out, or say true.") }
        try input.check()
        guard let row = try await visit.store.batch(id, visit.asker.sees) else { throw Refusal.notFound() }
        let shown = try JSON(parsing: row.json)
        guard let connection = shown["connection"]?.string.flatMap({ ConnectionID($0) }),
            let found = try await visit.store.adminConnection(connection, visit.asker.sees)
        else { throw Refusal.notFound() }
        let form = try ledger(try JSON(parsing: found.json)["platform"], visit.desk).manualForm(shown["form"]?.string ?? "") ?? .journalCSV
        let list = try text.map { words throws(Fault) in try ManualList.read(Array(words.utf8), form) } ?? references.map { ManualList(references: $0) }
        return try await visit.change { tx throws(Fault) in
            let batch = try await tx.batch(tenant, id)
            let items = try await tx.inHand(tenant, batch)
            let (word, missing) = judge(items, list)
            // What was confirmed stays so; a list that shows it otherwise now is told: as a rule the file was imported twice.
            let since = list == nil ? [] : judge(try await tx.confirmedItems(tenant, batch), list).word.findings
            if let first = since.first { try await tx.raise(tenant, [importedTwice(batch, first.why)]) }
            let detail = JSON.object([
                ("by", .string(given.first ?? "")), ("confirmed", .number("\(word.confirmed.count)")), ("missing", .number("\(missing.count)")),
            ])
            try await tx.confirm(tenant, batch, items, word, actor: visit.asker.actor, detail: detail.bytes)
            let after = try JSON(parsing: try await answer(tx, id, visit).json)
            let findings = (word.findings + since).map { finding in JSON.object([("post_key", .string(finding.key.text)), ("why", .string(finding.why))]) }
            return .init(200, JSON.object([
                ("batch", after), ("confirmed", .number("\(word.confirmed.count)")), ("differs", .array(findings)),
                ("missing", .array(missing.map { .string($0) })),
            ]).bytes)
        }
    }

    private static func importedTwice(_ batch: BatchHead, _ why: String) -> AlertRow {
        AlertRow(
            key: AlertKey.differsByHand(batch.id), severity: .critical,
            cause: "batch \(batch.number) was confirmed, and the ledger's list shows it otherwise now: \(why)",
            remedy: "Look in the ledger: if the file was imported twice, delete what came in by the second import. Then acknowledge this alert: that ends it.")
    }

    /// Without a list: everything is there.
    private static func judge(_ items: [BatchItem], _ list: ManualList?) -> (word: BatchWord, missing: [String]) {
        guard let list else { return (BatchWord(confirmed: items.map(\.key)), []) }
        var word = BatchWord(confirmed: []), missing: [String] = []
        for item in items {
            guard let currency = Currency(item.currency), let finding = list.finding(item.reference, figure_minor: item.figureMinor, currency) else {
                missing.append(item.reference)
                continue
            }
            if let why = finding { word.findings.append((item.key, why)) } else { word.confirmed.append(item.key) }
        }
        return (word, missing)
    }

    /// What was handed over may have been imported: a person says that it was not, and where the ledger can be asked it is asked before anything is sent.
    private static func withdraw(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant) = try await batchID(visit)
        var input = try visit.input()
        let sure = input.flag("not_imported") ?? false, reason = input.optionalText("reason")
        try input.check()
        let detail = reason.map { JSON.object([("reason", .string($0))]).bytes } ?? Array("{}".utf8)
        return try await visit.change { tx throws(Fault) in
            let batch = try await tx.batch(tenant, id)
            guard batch.state != "handed_over" || sure else {
                throw Fault("not_imported_missing", stage: .api, disposition: .reject, summary: "the file was handed over: it may have been imported",
                    remedy: "Look in the ledger. If nothing of it is there, send {\"not_imported\": true}; confirm what is there first.",
                    position: "not_imported")
            }
            let items = try await tx.inHand(tenant, batch)
            let doubted = batch.state == "handed_over" ? items.filter(\.findable).map(\.key) : []
            try await tx.withdraw(tenant, batch, items, doubted: doubted, actor: visit.asker.actor, detail: detail)
            return try await answer(tx, id, visit)
        }
    }

    // MARK: Accounts of ledgers without an API

    private static func putAccounts(_ visit: Visit) async throws -> HTTPResponse {
        let (id, tenant, row) = try await connection(visit)
        guard let connector = visit.desk.connectors[row["platform"]?.string ?? ""] as? any FileLedger else {
            throw Refusal(409, "not_by_file", "This ledger's accounts are read by its API.", remedy: "Leave them to the worker.")
        }
        var input = try visit.input()
        let list = input.text("list"), lock = input.date("lock_date"), given = input.currency("base_currency")
        let currency = connector.onlyCurrency ?? given
        if currency.isEmpty { input.add("base_currency", "is missing", "Add base_currency.") }
        try input.check()
        let accounts = try connector.accounts(Array(list.utf8))
        let json = JSON.array(accounts.map { a in
            .object([
                ("code", .string(a.code)), ("remote_id", .string(a.remoteID)), ("name", .string(a.name)), ("type", .string(a.type)),
                ("active", .bool(a.active)),
                ("currency", .optional(a.currency)),
            ])
        })
        let chart = ChartRow(lockDate: lock, baseCurrency: currency, currencies: [currency], taxCodes: [], accounts: json.bytes,
            readAt: visit.desk.clocks.now())
        let flows = try await visit.store.flows(tenant).filter { $0.ledgerID == id }.map(\.id)
        return try await visit.change { tx throws(Fault) in
            _ = try await tx.query(LedgerStatements.saveChart(tenant, id, chart))
            try await tx.audit(tenant, [visit.entry("chart.given", "connection \(id)")])
            for flow in flows { _ = try await tx.query(DocumentStatements.dirtyHeld(tenant, flow)) }
            _ = try await tx.query(JobStatements.ask(tenant, flows.map { Job(.map, $0.description, lane: .interactive) }))
            _ = try await tx.query(JobStatements.wake())
            return .init(200, JSON.object([("accounts", .number("\(accounts.count)"))]).bytes)
        }
    }
}
