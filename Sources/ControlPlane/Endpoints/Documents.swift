internal import Books
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    private static let byFlow = Member.may("flow", .id, "Of this flow.")
    private static let byCase = Member.may("case", .line(most: 500), "Of this order.")
    private static let notPlanned = Reply.refused(409, "`not_configured`: the tenant has no structure or no rules yet; `not_planned_yet`: no posting stands for it; `no_connector`.")

    static let documents: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/documents", .key(.read), About(
            "A tenant's documents", "What its sources told, as canonical documents. Their `state` is derived from their postings.",
            query: [byFlow, .may("kind", .any(of: DocumentKind.self)), .may("state", Thing.documentState), byCase, byCode], .page(.document)
        )) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page()
            let filter = DocumentFilter(
                flow: asked.optionalIdentifier("flow"), kind: asked.choice("kind"), state: asked.choice("state"), caseID: asked.optionalText("case"),
                code: asked.optionalText("code"))
            return try visit.answer(try await visit.store.adminDocuments(tenant, filter, page), page)
        },
        Endpoint(.get, "/v1/documents/{document}", .key(.read), About("A document, with its content and its postings", .one(.documentInFull))) { visit in
            try visit.answer(try await visit.store.adminDocument(try visit.identifier("document"), visit.asker.sees))
        },
        Endpoint(.get, "/v1/documents/{document}/preview", .key(.read), About(
            "What the ledger would be sent for a document", "Written by the same code that sends it, with `***` where the credential goes. Nothing is sent.", .one(.documentPreview), notPlanned
        )) { visit in try await preview(visit) },
    ]

    /// What the ledger would be sent for each of the document's postings.
    private static func preview(_ visit: Visit) async throws -> HTTPResponse {
        let id: DocumentID = try visit.identifier("document")
        guard let row = try await visit.store.adminDocument(id, visit.asker.sees), let tenant = row.tenant else { throw Refusal.notFound() }
        let keys = try await visit.store.postingKeys(tenant, of: id).prefix(ControlPlaneLimits.previewDocuments).compactMap { PostKey($0) }
        guard !keys.isEmpty else {
            throw Refusal(409, "not_planned_yet", "No posting stands for this document.", remedy: "Look at its state: it may wait to be planned, or call for nothing.")
        }
        return .json(200, .object([("document", .string(id.description)), ("postings", .array(try await previews(tenant, keys, visit.desk)))]))
    }

    private static func previews(_ tenant: TenantID, _ keys: [PostKey], _ desk: Desk) async throws -> [JSON] {
        let rows = try await desk.store.postings(tenant, keys: keys)
        let remotes = try await desk.store.remoteIDs(tenant, rows.compactMap(\.appliesTo))
        var sides: [ConnectionID: Ledgerside] = [:]
        var out: [JSON] = []
        for row in rows {
            let side: Ledgerside
            if let known = sides[row.ledger] { side = known } else { side = try await Ledgerside.load(tenant, row.ledger, desk) }
            sides[row.ledger] = side
            out.append(try Preview.json(row, side, appliesTo: row.appliesTo.flatMap { remotes[$0] }))
        }
        return out
    }

    static let postings: [Endpoint] = [
        Endpoint(.get, "/v1/tenants/{tenant}/postings", .key(.read), About(
            "A tenant's postings", "Documents of its ledgers: what ought to be there, and what is.",
            query: [byFlow, .may("state", Thing.postingState), .may("check", .line(most: 100), "A check that holds it, or the code of the fault that stopped it."), byCase],
            .page(.posting)
        )) { visit in
            let tenant = try await visit.tenant()
            var asked = try visit.asked()
            let page = try visit.page()
            let filter = PostingFilter(
                flow: asked.optionalIdentifier("flow"), state: asked.choice("state"), check: asked.optionalText("check"), caseID: asked.optionalText("case"))
            return try visit.answer(try await visit.store.adminPostings(tenant, filter, page), page)
        },
        Endpoint(.get, "/v1/postings/{posting}", .key(.read), About("A posting", .one(.posting))) { visit in try visit.answer(try await posting(visit).row) },
        Endpoint(.get, "/v1/postings/{posting}/preview", .key(.read), About(
            "What the ledger would be sent for a posting", "Written by the same code that sends it, with `***` where the credential goes. Nothing is sent.", .one(.preview), notPlanned
        )) { visit in
            let (key, tenant, _) = try await posting(visit)
            guard let json = try await previews(tenant, [key], visit.desk).first else { throw Refusal.notFound() }
            return .json(200, json)
        },
        Endpoint(.get, "/v1/postings/{posting}/explain", .key(.read), About(
            "Why a posting's figures are what they are", "Each line with its account, the rule that put it there and the source documents it comes from; each send and what became of it; who did what.",
            .one(.explanation)
        )) { visit in try await explain(visit) },
        Endpoint(.get, "/v1/postings/{posting}/documents", .key(.read), About("Source documents that a posting stands for", .json(200, .object([.must("items", .list(.thing(.postingDocument)))]), "All of them."))) { visit in
            let (key, tenant, _) = try await posting(visit)
            return .json(200, .object([("items", try visit.array(try await visit.store.documents(tenant, of: key)))]))
        },
        Endpoint(.post, "/v1/postings/{posting}/hold", .key(.write), aboutOrder("Stop a posting", "Of what has not been sent. It is `manual` then, and planning leaves it alone.")) { visit in
            try await order(.hold, visit)
        },
        Endpoint(.post, "/v1/postings/{posting}/release", .key(.write), aboutOrder(
            "Let a posting go on", "Held, rejected and manual ones are planned and checked anew. What the ledger has already becomes an update there; what it was found to have no longer is looked for and, found nowhere, written again as a later revision. What it refuses as written already (`number_taken`) is asked for once more as the same. Of one whose ledger's side was accepted, ours is written over it."
        )) { visit in try await order(.release, visit) },
        Endpoint(.post, "/v1/postings/{posting}/retry", .key(.write), aboutOrder(
            "Try a posting again", "A rejected one is planned anew, an unknown one is looked up at once, and a manual one that the ledger has is compared again."
        )) { visit in try await order(.retry, visit) },
        Endpoint(.post, "/v1/postings/{posting}/accept", .key(.write), aboutOrder(
            "Let what the ledger shows stand",
            "Of an invoice, credit note or bill that somebody voided or changed there. Nothing is written; the difference stays in the day's proof by name, and what the source says of it later is held where it goes beyond. Where it is asked before the source is told, this is the answer: it is told."
        )) { visit in try await order(.accept, visit) },
    ]

    private static func aboutOrder(_ summary: String, _ detail: String) -> About {
        About(
            summary, detail, body: [.may("reason", .line(most: 500), "For whoever reads the audit trail.", example: "asked the client")],
            .one(.posting), .refused(409, "`wrong_state`: its state does not allow it."))
    }

    /// The posting in the path, when this key may see it.
    static func posting(_ visit: Visit) async throws -> (key: PostKey, tenant: TenantID, row: AdminRow) {
        guard let key = PostKey(visit.parameters["posting"] ?? ""), let row = try await visit.store.adminPosting(key, visit.asker.sees),
            let tenant = row.tenant
        else { throw Refusal.notFound() }
        return (key, tenant, row)
    }

    private static func explain(_ visit: Visit) async throws -> HTTPResponse {
        let (key, tenant, shown) = try await posting(visit)
        guard let row = try await visit.store.postings(tenant, keys: [key]).first else { throw Refusal.notFound() }
        var mapper: Mapper?
        // Without a configuration the lines are shown all the same, without accounts.
        do { mapper = try await Ledgerside.load(tenant, row.ledger, visit.desk).mapper } catch let refusal as Refusal where refusal.status < 500 { mapper = nil }
        let plan = try PlanCodec.decode(row.plan)
        var members = try JSON(parsing: shown.json).object ?? []
        members += Explanation.head(plan)
        members.append(("lines", Explanation.lines(plan, mapper)))
        if let sent = row.sent, row.sentDigest != row.planDigest {
            // A change is on its way: what the ledger has is still the other one.
            members.append(("sent_lines", Explanation.lines(try PlanCodec.decode(sent), mapper)))
        }
        members.append(("intents", try visit.array(try await visit.store.adminIntents(tenant, key))))
        members.append(("history", try visit.array(try await visit.store.adminHistory(tenant, key))))
        return .json(200, .object(members))
    }

    private static func order(_ order: PostingOrder, _ visit: Visit) async throws -> HTTPResponse {
        let (key, tenant, _) = try await posting(visit)
        var input = try visit.input()
        let reason = input.optionalText("reason")
        try input.check()
        let finding = JSON.object([
            ("check", .string("held_by_person")), ("why", .string(reason ?? "held by \(visit.asker.actor)")), ("remedy", .string("Release it when it may go.")),
        ])
        let detail = reason.map { JSON.object([("reason", .string($0))]).bytes } ?? Array("{}".utf8)
        return try await visit.change { tx throws(Fault) in
            let row = try await tx.order(order, tenant, key, findings: JSON.array([finding]).bytes, detail: detail, actor: visit.asker.actor)
            return .init(200, row.json)
        }
    }
}

extension Visit {
    func array(_ rows: [AdminRow]) throws(Fault) -> JSON {
        var out: [JSON] = []
        for row in rows { out.append(try JSON(parsing: row.json)) }
        return .array(out)
    }
}
