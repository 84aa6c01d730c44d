internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

// A posted document can't be deleted, and hardly anything of it can be changed: what must become another is cancelled, and written anew under the
// same key. What stands is looked up first each time, so that a change which broke off is gone on with from wherever it stopped.
extension SapBusinessOneConnector {
    public func batchGroup(of document: LedgerDocument) -> String { EntitySet(document)?.rawValue ?? "unsupported" }

    /// Each by a call of its own, one after the other. A document that can't be said in their words is rejected here and not sent.
    public func create(_ documents: [LedgerDocument], attempt _: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        let dialect: Dialect
        do throws(Fault) { dialect = try Dialect(connection) } catch { return .finish(documents.map { _ in .rejected(error) }) }
        return create(documents[...], dialect, [])
    }

    private func create(_ documents: ArraySlice<LedgerDocument>, _ dialect: Dialect, _ told: [PostOutcome]) -> Exchange<[PostOutcome]> {
        guard let document = documents.first else { return .finish(told) }
        return write(document, dialect) { outcome in self.create(documents.dropFirst(), dialect, told + [outcome]) }
    }

    /// An invoice that has an order is drawn from what of that is open now. Where not all of it finds something open, a person may have invoiced the order.
    func write<Output: Sendable>(
        _ document: LedgerDocument, _ dialect: Dialect, then next: @escaping @Sendable (PostOutcome) -> Exchange<Output>
    ) -> Exchange<Output> {
        base(of: document, dialect) { base in
            guard let base, !base.isEnough(for: document, dialect) else { return self.write(document, base, dialect, then: next) }
            return self.invoiced(base.key, dialect) { fault in fault.map { next(.rejected($0)) } ?? self.write(document, base, dialect, then: next) }
        }
    }

    private func write<Output: Sendable>(
        _ document: LedgerDocument, _ base: BaseOrder?, _ dialect: Dialect, then next: @escaping @Sendable (PostOutcome) -> Exchange<Output>
    ) -> Exchange<Output> {
        do throws(Fault) {
            let (set, body) = try Self.body(of: document, dialect, drawnFrom: base?.open)
            return .send(Self.post(set.rawValue, body, dialect)) { answer in
                // A clear no to one that is drawn, which wrote nothing: it may be the order's doing.
                guard answer.status < 400 else { return self.undrawn(document, base, dialect, then: next) }
                guard let row = try? JSON(parsing: answer.body), let id = row[set.key]?.entry, !Self.isPending(row) else {
                    // An approval procedure makes a draft of it and names none, or names the draft.
                    return next(.unknown(Self.lost("it names no number of what was created")))
                }
                let place = Place(set, id)
                let posted = PostOutcome.posted(remoteID: place.remoteID(document.plan.form), version: Self.version(row))
                guard set.isDocument, let seen = try? Self.readback(row, place, of: document, dialect) else { return next(posted) }
                guard let fault = Self.differs(seen, self.meant(document), document) ?? Self.ratesDiffer(row, document) else { return next(posted) }
                return self.takeBack(place, fault, posted, dialect, then: next)
            }
        } catch {
            return next(Self.outcome(error))
        }
    }

    /// Once more without its order, where that is all there is: somebody may have to approve the document first, which some servers tell as an error
    /// (general knowledge), and a person may have invoiced the order meanwhile.
    private func undrawn<Output: Sendable>(
        _ document: LedgerDocument, _ base: BaseOrder?, _ dialect: Dialect, then next: @escaping @Sendable (PostOutcome) -> Exchange<Output>
    ) -> Exchange<Output> {
        look([document], .find, dialect).next { look in
            guard look.drafts.isEmpty, look.seen.allSatisfy(\.isVoided) else { return next(.unknown(Self.lost("whether the document was written"))) }
            return self.invoiced(base?.key, dialect) { fault in fault.map { next(.rejected($0)) } ?? self.write(document, nil, dialect, then: next) }
        }
    }

    private static func isPending(_ row: JSON) -> Bool { ["dasPending", "pasPending"].contains(row["AuthorizationStatus"]?.string ?? "") }

    /// A company that allows no tax by hand keeps its own: a document that comes to another sum than the source's is taken back at once.
    private func takeBack<Output: Sendable>(
        _ place: Place, _ fault: Fault, _ posted: PostOutcome, _ dialect: Dialect, then next: @escaping @Sendable (PostOutcome) -> Exchange<Output>
    ) -> Exchange<Output> {
        .send(Self.action(place, "Cancel", dialect)) { answer in
            // What can't be taken back stands, and whoever reads it back sees the difference.
            next((200 ..< 300).contains(answer.status) ? .rejected(fault) : posted)
        }
    }

    private static func differs(_ seen: LedgerReadback, _ meant: LedgerReadback, _ document: LedgerDocument) -> Fault? {
        if seen.total_minor == meant.total_minor, seen.tax_minor == nil || seen.tax_minor == meant.tax_minor { return nil }
        let currency = document.plan.currency
        let (theirs, ours) = (Money(minor: seen.total_minor, currency).text, Money(minor: meant.total_minor, currency).text)
        return refused(
            "tax_differs", "SAP Business One makes \(theirs) of it, and the source charged \(ours); it was cancelled again",
            "Allow that tax is changed by hand in SAP Business One's document settings, or bind the tax to a code with the source's rate.")
    }

    /// A company that states rates the other way round than its settings say has the document at a wrong value, and right in its own currency.
    /// Roundings of lines, and of the rate, are none of it.
    private static func ratesDiffer(_ row: JSON, _ document: LedgerDocument) -> Fault? {
        let control = document.lines.filter { $0.isReceivable || $0.isPayable }.compactMap(\.plan.base)
        guard document.plan.rate != nil, let base = control.first?.currency, let theirs = row["DocTotal"]?.minor(base) else { return nil }
        let sum = control.reduce(Int128(0)) { $0 + Int128($1.minor) }
        guard let ours = Int64(exactly: sum < 0 ? -sum : sum), ours <= B1Limits.amountMinor else { return nil }
        // A company may propose tax on an order, which is a request without any: it is none of the rate's doing.
        let proposed = document.plan.form == .purchaseOrder ? row["VatSum"]?.minor(base) ?? 0 : 0
        guard abs(theirs - proposed - ours) > ours / 1_000 + Int64(document.lines.count) + 2 else { return nil }
        return refused(
            "rate_differs",
            "SAP Business One keeps it at \(Money(minor: theirs, base)), and the source's rate makes \(Money(minor: ours, base)) of it; it was cancelled again",
            "Set the connection's rate to direct or indirect, as the company states exchange rates.")
    }

    private static func outcome(_ fault: Fault) -> PostOutcome { fault.disposition == .retry ? .throttled(fault) : .rejected(fault) }

    // MARK: Changing

    public func update(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        do throws(Fault) {
            let dialect = try Dialect(connection)
            // What can't be written must not cost what stands.
            _ = try Self.body(of: document, dialect)
            return look([document], .change, dialect).next { look in
                if let fault = look.stopping(document) { return .finish(.rejected(fault)) }
                let meant = self.meant(document)
                let standing = look.seen.filter { !$0.isVoided }
                if document.plan.form == .salesOrder, let next = self.change(standing, document, meant, dialect) { return next }
                let kept = standing.first { Self.isAsMeant($0.readback, meant) }
                let others = standing.filter { $0.place != kept?.place }
                return self.unlessInvoiced(kept == nil && !others.isEmpty ? document : nil, dialect) { failure in
                    if let failure { return .finish(.rejected(failure)) }
                    return self.cancel(others[...], document, dialect) { failure in
                        if let failure { return .finish(failure) }
                        if let kept { return self.due(kept, document, dialect) }
                        return self.write(document, dialect) { .finish($0) }
                    }
                }
            }
        } catch {
            return .finish(Self.outcome(error))
        }
    }

    /// The one thing of a bill that may be changed where it stands, also when some of it is paid: the day on which it is due.
    private func due(_ kept: Seen, _ document: LedgerDocument, _ dialect: Dialect) -> Exchange<PostOutcome> {
        let posted = PostOutcome.posted(remoteID: kept.readback.remoteID, version: kept.readback.version)
        guard let due = document.due, let theirs = kept.readback.due, theirs != due else { return .finish(posted) }
        return .send(Self.patch(kept.place, ["DocDueDate": .string(due.description)], dialect)) { _ in .finish(.posted(remoteID: kept.readback.remoteID, version: nil)) }
    }

    /// Cancels: a document of theirs takes the effect back, on the day that it was written for. Documents can't be deleted.
    public func void(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        do throws(Fault) {
            let dialect = try Dialect(connection)
            guard let id = document.remoteID, !id.isEmpty, EntitySet.usual(document.plan.form) != nil else {
                throw Self.refused("remote_id_missing", "SAP Business One's number of the document is not known", "Report it.")
            }
            return look([document], .change, dialect).next { look in
                if let fault = look.stopping(document) { return .finish(.rejected(fault)) }
                guard !look.seen.isEmpty else {
                    // It was never more than a draft, and somebody deleted that.
                    if Place(document) == nil { return .finish(.posted(remoteID: id, version: nil)) }
                    return .finish(.rejected(Self.refused(
                        "ledger_document_missing", "SAP Business One has no such document", "Look for it there; its reference may have been changed by hand.")))
                }
                let standing = look.seen.filter { !$0.isVoided }
                return self.cancel(standing[...], document, dialect) { failure in
                    .finish(failure ?? .posted(remoteID: id, version: nil))
                }
            }
        } catch {
            return .finish(Self.outcome(error))
        }
    }

    static let pending = refused(
        "ledger_approval_pending", "SAP Business One keeps the document as a draft that waits for an approval",
        "Approve and add it there, or delete the draft and release the posting.")

    func cancel(
        _ standing: ArraySlice<Seen>, _ document: LedgerDocument, _ dialect: Dialect, then next: @escaping @Sendable (PostOutcome?) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        guard let seen = standing.first else { return next(nil) }
        if seen.place.set == .journalEntries {
            guard let body = Self.reversal(of: seen, document) else { return .fail(Self.unreadable("an entry has no lines")) }
            return .send(Self.post(seen.place.set.rawValue, body, dialect)) { answer in
                guard (try? JSON(parsing: answer.body))?[seen.place.set.key]?.entry != nil else {
                    return next(.unknown(Self.lost("whether the entry was reversed")))
                }
                return self.cancel(standing.dropFirst(), document, dialect, then: next)
            }
        }
        // One that is closed bears the key for ever: what is written anew would be its double.
        let mayClose = seen.place.set == .orders && (document.plan.effect == .void || document.plan.isClosed)
        return .send(Self.action(seen.place, mayClose && seen.isDrawn ? "Close" : "Cancel", dialect)) { answer in
            if (200 ..< 300).contains(answer.status) { return self.cancel(standing.dropFirst(), document, dialect, then: next) }
            let fault = Problem(answer)?.fault ?? Self.refused("ledger_refused", "it can't be cancelled", "Look at the document in SAP Business One.")
            // What was delivered or invoiced of an order stays; nothing more of it is to come.
            guard mayClose, !seen.isDrawn else { return next(.rejected(fault)) }
            return .send(Self.action(seen.place, "Close", dialect)) { answer in
                guard (200 ..< 300).contains(answer.status) else { return next(.rejected(Problem(answer)?.fault ?? fault)) }
                return self.cancel(standing.dropFirst(), document, dialect, then: next)
            }
        }
    }

    /// The same entry with its sides exchanged, under the same key: their own cancellation of an entry leaves nothing behind by which it could be
    /// told that the entry has no effect any more.
    private static func reversal(of seen: Seen, _ document: LedgerDocument) -> JSON? {
        guard let rows = seen.row["JournalEntryLines"]?.array, !rows.isEmpty, let day = seen.readback.date else { return nil }
        let kept = ["FCCurrency", "LineMemo", "BPLID"] + dimensionNames.map(\.theirs)
        var lines: [JSON] = []
        for row in rows {
            var members: [(key: String, value: JSON)] = []
            if let partner = partner(row) {
                members.append(("ShortName", .string(partner)))
            } else {
                guard let account = row["AccountCode"]?.words else { return nil }
                members.append(("AccountCode", .string(account)))
            }
            for (from, to) in [("Debit", "Credit"), ("Credit", "Debit"), ("FCDebit", "FCCredit"), ("FCCredit", "FCDebit")] {
                if let value = row[from], value.decimal?.isZero == false { members.append((to, value)) }
            }
            for name in kept { if let value = row[name], !value.isNull, value.string != "" { members.append((name, value)) } }
            lines.append(.object(members))
        }
        let date = JSON.string(day.description)
        return .object([
            ("ReferenceDate", date), ("DueDate", date), ("TaxDate", date),
            ("Memo", .string(cut("Reversal of \(seen.place.id): \(plain(document.reference))", utf16: B1Limits.memo))),
            ("Reference", .string("cf:\(document.key)")), ("JournalEntryLines", .array(lines)),
        ])
    }

    static func isAsMeant(_ seen: LedgerReadback, _ meant: LedgerReadback) -> Bool {
        func agrees<Value: Equatable>(_ a: Value?, _ b: Value?) -> Bool { a == nil || b == nil || a == b }
        return seen.voided == meant.voided && seen.total_minor == meant.total_minor && agrees(seen.tax_minor, meant.tax_minor) && agrees(seen.date, meant.date)
            && agrees(seen.currency, meant.currency) && agrees(seen.party, meant.party) && agrees(seen.appliesTo, meant.appliesTo)
            && seen.accounts == meant.accounts && agrees(seen.key, meant.key)
    }
}
