internal import Books
public import ConnectorKit
internal import Crypto
internal import Kernel
internal import Wire

// Money that moves has effect with its first explanation, so a document of several is unfinished until all of them stand: `update` writes those that
// are missing. Explanations are never changed, since what becomes of their bank transaction is not published: they are taken away and written anew.
extension FreeAgentConnector {
    func createMoney(_ document: LedgerDocument, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let form = try MoneyForm(document)
            return self.write(Explaining(document: document, form: form, connection: connection, unpaid: form.parts.count))
        }
    }

    /// A document on its way.
    private struct Explaining: Sendable {
        let document: LedgerDocument
        let form: MoneyForm
        let connection: ConnectionFacts
        /// What the first write has to pay for; 0 once it did.
        var unpaid: Int
        /// Explanations of it as it was were taken away.
        var replaces = false
        /// By part: its explanation.
        var ids: [Int: String] = [:]
        /// Parts that this conversation wrote.
        var made: [Int] = []
        var version: String?

        var missing: Int? { form.parts.indices.first { ids[$0] == nil } }
        var remoteID: String { form.parts.indices.compactMap { ids[$0] }.joined(separator: ",") }
    }

    private func write(_ explaining: Explaining) -> Exchange<PostOutcome> {
        guard let place = explaining.missing else { return .finish(.posted(remoteID: explaining.remoteID, version: explaining.version)) }
        let body = explaining.form.body(of: explaining.form.parts[place], number: place + 1, explaining.document, explaining.connection)
        let kind = Kind.explanations
        return .send(Self.write(.post, "/v2/\(kind.rawValue)", body, calls: explaining.unpaid)) { answer in
            guard (200 ..< 300).contains(answer.status) else { return self.takeBack(explaining, Problem(answer).fault) }
            let record = (try? JSON(parsing: answer.body))?.member(kind.root)
            guard let id = kind.created(answer, record) else { return .finish(.unknown(Self.judging.notTold("it has no address of the explanation"))) }
            var next = explaining
            next.unpaid = 0
            next.ids[place] = Seen.remoteID(id, Kind.bankTransactions.id(of: record?["bank_transaction"]?.string))
            next.made.append(place)
            next.version = record.flatMap(Self.version) ?? next.version
            return self.write(next)
        }
    }

    /// Nothing of a refused document stays of what this conversation wrote.
    private func takeBack(_ explaining: Explaining, _ fault: Fault) -> Exchange<PostOutcome> {
        let made = explaining.made.compactMap { explaining.ids[$0] }.flatMap { Seen.ids($0) }
        let fault = explaining.replaces ? Self.takenAway(fault) : fault
        return Self.delete(made.map { Leaving(id: $0.id, transaction: $0.transaction) }[...], calls: 0).map { left in
            left == nil ? .rejected(fault) : .unknown(Self.judging.notTold("an explanation of a refused document could not be taken back"))
        }
    }

    /// A change that was refused when what stood there was gone already: a person has to know that nothing of it is in the books.
    private static func takenAway(_ fault: Fault) -> Fault {
        var out = fault
        out.summary += "; what FreeAgent had of it was taken away for the change, so its money is missing there now"
        out.remedy = "\(fault.remedy) Then release the posting: it is written anew."
        return out
    }

    // MARK: Taking away

    /// An explanation that has to go, and the bank transaction that was made with it.
    struct Leaving: Sendable {
        var id: String
        var transaction: String?
        /// Otherwise only its transaction is left.
        var isThere = true
    }

    /// One after the other; why not, where one can't be. A bank transaction without its explanation would stay in the account's balance.
    static func delete(_ leaving: ArraySlice<Leaving>, calls: Int) -> Exchange<Fault?> {
        guard let one = leaving.first else { return .finish(nil) }
        guard one.isThere else { return gone(.bankTransactions, one.transaction ?? "", calls: calls).next { next($0, leaving) } }
        return gone(.explanations, one.id, calls: calls).next { fault in
            guard fault == nil, let id = one.transaction else { return next(fault, leaving) }
            return record(.bankTransactions, id, paid: true).next { record in
                guard let record, isBare(record) else { return next(nil, leaving) }
                return gone(.bankTransactions, id, calls: 0).next { next($0, leaving) }
            }
        }
    }

    private static func next(_ fault: Fault?, _ leaving: ArraySlice<Leaving>) -> Exchange<Fault?> {
        fault == nil ? delete(leaving.dropFirst(), calls: 0) : .finish(fault)
    }

    /// Deletes one record; why not, where it is there and stays.
    private static func gone(_ kind: Kind, _ id: String, calls: Int) -> Exchange<Fault?> {
        step(write(.delete, kind.path(id), calls: calls)).map { step in
            if case .refused(let fault) = step, fault.code != "ledger_document_missing" { return fault }
            return nil
        }
    }

    /// Made by hand or by us, not by a statement, and explained by nothing any more.
    static func isBare(_ transaction: JSON) -> Bool {
        guard transaction["is_manual"]?.bool == true, let amount = transaction["amount"]?.decimal else { return false }
        return transaction["unexplained_amount"]?.decimal == amount && transaction["bank_transaction_explanations"]?.array?.isEmpty ?? true
    }

    // MARK: Change

    func updateMoney(_ document: LedgerDocument, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let form = try MoneyForm(document)
            let ids = try Self.parts(of: document)
            return Self.standing(document, ids, on: form.bank, connection).next { standing in
                var explaining = Explaining(document: document, form: form, connection: connection, unpaid: 0)
                var surplus = standing.seen
                for (place, part) in form.parts.enumerated() {
                    guard let at = surplus.firstIndex(where: { $0.isSame(as: part, on: form, document.plan.date) }) else { continue }
                    let kept = surplus.remove(at: at)
                    explaining.ids[place] = kept.remoteID
                    explaining.version = kept.version ?? explaining.version
                }
                if surplus.contains(where: \.isFixed) { return .finish(.rejected(Self.fixed)) }
                let leaving = surplus.map { Leaving(id: $0.id, transaction: $0.transaction) } + standing.bare
                let missing = form.parts.count - explaining.ids.count
                explaining.unpaid = leaving.isEmpty ? missing : 0
                explaining.replaces = !leaving.isEmpty
                let ready = explaining
                return Self.delete(leaving[...], calls: 3 * leaving.count + missing).next { fault in
                    fault.map { .finish(.rejected($0)) } ?? self.write(ready)
                }
            }
        }
    }

    func voidMoney(_ document: LedgerDocument) -> Exchange<PostOutcome> {
        .refusing { () throws(Fault) in
            let ids = try Self.parts(of: document)
            return Self.byID(ids).next { standing in
                if standing.seen.contains(where: \.isFixed) { return .finish(.rejected(Self.fixed)) }
                let leaving = standing.seen.map { Leaving(id: $0.id, transaction: $0.transaction) } + standing.bare
                return Self.delete(leaving[...], calls: 3 * leaving.count).map { fault in
                    fault.map { .rejected($0) } ?? .posted(remoteID: document.remoteID ?? "", version: nil)
                }
            }
        }
    }

    private static let fixed = refused(
        "ledger_document_fixed", "FreeAgent has locked an explanation of it", "Unlock the period or the bank account in FreeAgent, or correct it there.")

    private static func parts(of document: LedgerDocument) throws(Fault) -> [(id: String, transaction: String?)] {
        let ids = Seen.ids(document.remoteID)
        guard !ids.isEmpty else { throw noID }
        return ids
    }

    // MARK: What stands

    struct Standing: Sendable {
        var seen: [Seen] = []
        /// Bank transactions whose explanation is gone already.
        var bare: [Leaving] = []
    }

    /// Explanations by their ids, one read each.
    static func byID(_ ids: [(id: String, transaction: String?)]) -> Exchange<Standing> {
        .each(ids.map { Leaving(id: $0.id, transaction: $0.transaction) }[...], Standing()) { one, before in
            record(.explanations, one.id).next { row in
                var next = before
                if let row {
                    return .trying { () throws(Fault) in
                        next.seen.append(try Seen(row, id: one.id))
                        return .finish(next)
                    }
                }
                guard let transaction = one.transaction else { return .finish(next) }
                let found = next
                return record(.bankTransactions, transaction).map { row in
                    var next = found
                    if let row, isBare(row) { next.bare.append(Leaving(id: one.id, transaction: transaction, isThere: false)) }
                    return next
                }
            }
        }
    }

    /// Those with our key on that day, and those whose ids are known.
    private static func standing(
        _ document: LedgerDocument, _ ids: [(id: String, transaction: String?)], on bank: String, _ connection: ConnectionFacts
    ) -> Exchange<Standing> {
        let day = document.plan.date.description
        let query = [("bank_account", Kind.bankAccounts.address(bank, connection)), ("from_date", day), ("to_date", day)]
        return whole(.explanations, query).next { rows in
            .trying { () throws(Fault) in
                var listed: [Seen] = []
                for row in rows where key(at: row["description"]?.string) == document.key { listed.append(try Seen(row)) }
                // The other half of a transfer stands on the other account.
                let own = listed.filter { $0.bank == bank }
                return byID(ids.filter { pair in !own.contains { $0.id == pair.id } }).map { Standing(seen: own + $0.seen, bare: $0.bare) }
            }
        }
    }

    // MARK: Files

    /// Beside the first explanation of a document that moves money: invoices, credit notes and journals have no place for files.
    /// - Source: bank_transaction_explanations.md, attachment: 5 MB, pictures and PDF.
    public func attach(_ file: LedgerFile, to document: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome>? {
        guard PostedAs(document) == .money else { return nil }
        return .refusing { () throws(Fault) in
            guard Self.fileTypes.contains(file.contentType.lowercased()), file.bytes.count <= FreeAgentLimits.fileBytes else {
                throw Self.refused(
                    "file_unfit", "FreeAgent keeps PNG, JPEG, GIF and PDF of at most 5 MB, and \(cut(plain(file.name), characters: 80)) is no such file",
                    "Keep the file elsewhere.")
            }
            let id = try Self.parts(of: document)[0].id
            let kind = Kind.explanations
            let done = PostOutcome.posted(remoteID: document.remoteID ?? "", version: document.remoteVersion)
            return Self.record(kind, id).next { row in
                guard let row else { return .finish(.rejected(Problem(HTTPResponse(404)).fault)) }
                if let there = row.member("attachment") {
                    if there["file_name"]?.string == file.name { return .finish(done) }
                    return .finish(.rejected(Self.refused("file_taken", "the explanation has another file in FreeAgent, and it takes one", "Take that file away there.")))
                }
                let attachment = JSON.object([
                    ("data", .string(Base64.encode(file.bytes))), ("file_name", .string(file.name)), ("content_type", .string(file.contentType.lowercased())),
                ])
                let call = Self.write(.put, kind.path(id), .object([(kind.root, .object([("attachment", attachment)]))]), calls: 1)
                return .send(call) { _ in .finish(done) }
            }
        }
    }

    private static let fileTypes: Set<String> = ["image/png", "image/x-png", "image/jpeg", "image/jpg", "image/gif", "application/x-pdf"]
}
