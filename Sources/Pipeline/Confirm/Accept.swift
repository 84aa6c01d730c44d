internal import Books
internal import ConnectorKit
internal import Kernel
internal import Mapping
internal import Store
internal import Wire

/// The ledger's side of a document, which stands beside what was sent.
struct Accepted: Equatable {
    var voided: Bool
    /// The document is there no more.
    var gone: Bool
    /// What it comes to in the ledger, whole minor units of its currency; 0 where it has no effect.
    var total: Int64
    var why: String

    /// - Throws: `stored_json_unreadable`.
    static func decode(_ bytes: [UInt8]) throws(Fault) -> Accepted {
        let json = try JSON(parsing: bytes)
        guard let voided = json["voided"]?.bool, let total = json["total_minor"]?.int else {
            throw Fault("stored_json_unreadable", stage: .confirm, disposition: .bug, summary: "what was accepted of the ledger can't be read again")
        }
        return Accepted(voided: voided, gone: json["gone"]?.bool ?? false, total: Int64(total), why: json["why"]?.string ?? "")
    }

    var json: JSON {
        .object([("voided", .bool(voided)), ("gone", .bool(gone)), ("total_minor", .number("\(total)")), ("why", .string(why)), ("by", "worker")])
    }
}

/// The pure core of accepting what somebody did in the ledger.
enum Accept {
    /// A document that differs, with what becomes of it without a person.
    struct Taken {
        var key: PostKey
        var caseID: String
        var shown: LedgerReadback
        /// `nil`: it is again as we sent it.
        var side: Accepted?
        var asked: Timestamp
    }

    /// What the ledger had of a document that is gone: nothing.
    static func none(_ document: LedgerDocument) -> LedgerReadback {
        LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: nil, date: nil, currency: nil, total_minor: 0, tax_minor: nil, party: nil, accounts: [:], voided: true)
    }

    /// Whether the ledger's side stands: what was accepted once and is as we sent it again, and what the flow gives the ledger's word for.
    static func taken(
        _ row: RecheckRow, _ document: LedgerDocument, _ seen: LedgerReadback?, _ drift: [Finding], _ policies: Policies, _ connector: any LedgerConnector
    ) throws(Fault) -> Taken? {
        let posting = row.posting
        guard try mayStand(posting, drift) else { return nil }
        if posting.accepted != nil, let seen, Confirm.differences(document, connector: connector, seen: seen).isEmpty {
            return Taken(key: posting.key, caseID: posting.caseID, shown: seen, side: nil, asked: row.asked)
        }
        let shown = seen ?? none(document)
        guard (shown.voided ? policies.voidMaster : policies.amountMaster) == .ledger else { return nil }
        let side = Accepted(voided: shown.voided, gone: seen == nil, total: shown.voided ? 0 : shown.total_minor, why: drift.first?.why ?? "it was changed")
        return Taken(key: posting.key, caseID: posting.caseID, shown: shown, side: side, asked: row.asked)
    }

    /// Only what is owed, and nothing that moves money itself: voided payments and receipts leave a clearing account that somebody has to look at. Nor
    /// where the source has changed it too, or where it is another document by now.
    static func mayStand(_ row: PostingRow, _ drift: [Finding]) throws(Fault) -> Bool {
        guard AdminPostingStatements.acceptable.contains(row.form), row.effect == "post", row.partOf == nil, !row.byHand, row.batch == nil, let sent = row.sent,
            row.sentDigest == row.planDigest, !drift.contains(where: { AdminPostingStatements.otherDocument.contains($0.position ?? "") })
        else { return false }
        return !(try PlanCodec.decode(sent).lines.contains { $0.role.family == "clearing" })
    }
}

extension Preflight {
    /// What is planned against documents of which the ledger's side was accepted: what waits for a person, and voids of what is void already.
    static func decided(_ rows: [PostingRow]) throws(Fault) -> (held: [PostKey: Finding], voids: Set<PostKey>) {
        var held: [PostKey: Finding] = [:], voids: Set<PostKey> = []
        for original in rows {
            guard let accepted = try original.accepted.map(Accepted.decode) else { continue }
            if original.state == "mapped" {
                if original.effect == "void", accepted.voided, original.remoteID != nil { voids.insert(original.key) } else { held[original.key] = bothChanged(original, accepted) }
            }
            let beside = rows.filter { $0.appliesTo == original.key && $0.effect == "post" && !["superseded", "voided", "skipped"].contains($0.state) }
            for (_, same) in Dictionary(grouping: beside, by: \.form) where same.map(\.totalMinor).reduce(0, +) > accepted.total {
                for row in same where row.state == "mapped" { held[row.key] = exceeds(original, accepted) }
            }
        }
        return (held, voids)
    }

    private static func bothChanged(_ row: PostingRow, _ accepted: Accepted) -> Finding {
        Finding(
            check: "decided_in_ledger", why: "the ledger's side was accepted (\(accepted.why)), and the source has changed it since",
            remedy: "Release it to write the source's over the ledger's, or have the source say what the ledger has.", position: row.reference)
    }

    private static func exceeds(_ original: PostingRow, _ accepted: Accepted) -> Finding {
        func text(_ minor: Int64) -> String { Currency(original.currency).map { "\(Money(minor: minor, $0).text) \($0.code)" } ?? "\(minor)" }
        return Finding(
            check: "decided_in_ledger", why: "\(original.reference) comes to \(text(accepted.total)) in the ledger, as was accepted (\(accepted.why)): this is more than that",
            remedy: "Release \(original.reference) to have ours written again, and this follows; or leave it held, named in the proof, and enter it in the ledger by hand.",
            position: original.reference)
    }
}
