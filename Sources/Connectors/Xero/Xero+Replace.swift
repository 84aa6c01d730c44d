internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Payments and bank transactions can't be changed there, only deleted: a change deletes what stands and writes the document anew, under
/// another id. What stands is read first each time, so that a change that broke off between the two is gone on with,
/// and one that was done is not done again.
extension XeroConnector {
    /// Ends with one document that is as `document` says; none for a void.
    func replace(
        _ document: LedgerDocument, _ endpoint: Endpoint, attempt: String, _ connection: ConnectionFacts
    ) -> Exchange<PostOutcome> {
        do throws(Fault) {
            guard let id = document.remoteID, isGUID(id) else {
                throw Self.refused("remote_id_missing", "Xero's id of the document is not known", "Report it.")
            }
            // What can't be written must not cost what stands.
            let body: JSON? = document.plan.effect == .void ? .none : .some(try Self.body(of: document, connection))
            let work = Replacing(document: document, endpoint: endpoint, id: id, attempt: attempt, body: body)
            // All of this posting, whatever became of them: by the id that is known and by our key.
            return rows([Self.single(endpoint, id), Self.byReference(document)]) { rows in
                do throws(Fault) {
                    let known = try work.reading(rows)
                    // A change deletes what stands before it writes anew, so of ours never two stand at once.
                    guard known.standing.count < 2 else { return .finish(.rejected(Self.doubled(known.standing, in: "Xero"))) }
                    let standing = known.kept == nil ? rows.filter { known.old.contains($0[endpoint.idField].string ?? "") } : []
                    return self.ifOpen(document, instead: standing) { self.remove(known) }
                } catch {
                    return .fail(error)
                }
            }
        } catch {
            return .finish(.unsent(error))
        }
    }

    /// Goes on unless the document moves from another day to one that is closed there: taken back first, it would then be gone. Whether the day
    /// of what stands is closed Xero says itself, before anything is lost.
    func ifOpen(
        _ document: LedgerDocument, instead old: [JSONView], then next: @escaping @Sendable () -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        let date = document.plan.date
        let moves = old.contains { $0["Date"].string.flatMap { XeroDate.day($0) } != date }
        guard document.plan.effect == .post, moves else { return next() }
        return rows([Query.organisation]) { rows in
            do throws(Fault) {
                guard let organisation = rows.first else { throw Self.unreadable("it names no organisation") }
                guard let lock = try Self.lockDate(organisation), date <= lock else { return next() }
                return .finish(.rejected(Refusal(["the lock date is \(lock), and the document's new date \(date)"]).fault()))
            } catch {
                return .fail(error)
            }
        }
    }

    /// Where a replacement stands.
    private struct Replacing: Sendable {
        let document: LedgerDocument
        let endpoint: Endpoint
        let id: String
        let attempt: String
        /// What the payment becomes; `nil` for nothing.
        let body: JSON?
        /// Id of what has effect and must go, and while it is read of all that does.
        var old: [String] = []
        /// What is as it should be already.
        var kept: (id: String, version: String?)?
        var version: String?

        init(document: LedgerDocument, endpoint: Endpoint, id: String, attempt: String, body: JSON?) {
            self.document = document
            self.endpoint = endpoint
            self.id = id
            self.attempt = attempt
            self.body = body
        }

        /// - Throws: `unreadable_answer` where a payment of ours does not say whether it stands.
        func reading(_ rows: [JSONView]) throws(Fault) -> Replacing {
            var out = self
            for row in rows {
                guard let found = row[endpoint.idField].string, isGUID(found) else { continue }
                let known = found.lowercased() == id.lowercased()
                guard known || XeroConnector.key(of: row, endpoint) == document.key else { continue }
                guard let status = row["Status"].string else {
                    throw XeroConnector.unreadable("a payment has no Status")
                }
                if status == "DELETED" || out.old.contains(found) || out.kept?.id == found { continue }
                if let body, out.kept == nil, try XeroConnector.stands(row, endpoint, as: document, body) {
                    out.kept = (found, XeroConnector.version(of: row))
                } else {
                    out.old.append(found)
                }
            }
            return out
        }

        /// Ids of what has effect.
        var standing: [String] { [kept?.id].compactMap(\.self) + old }

        /// The next call deletes what the new one is written in place of.
        var beforeWrite: Bool { !old.isEmpty && body != nil }
    }

    /// The payment is the one that `body` would write.
    private static func stands(_ row: JSONView, _ endpoint: Endpoint, as document: LedgerDocument, _ body: JSON) throws(Fault) -> Bool {
        let seen = try readback(row, endpoint, of: document)
        let meant = XeroConnector().meant(document)
        guard seen.total_minor == meant.total_minor, seen.date == meant.date, seen.accounts == meant.accounts,
            seen.currency ?? document.plan.currency.code == document.plan.currency.code,
            seen.appliesTo?.lowercased() == meant.appliesTo?.lowercased(),
            row["Reference"].string == reference(document), Tracking.shown(row["LineItems"].elements) == Tracking.meant(body)
        else { return false }
        guard let rate = body["CurrencyRate"]?.decimal else { return true }
        return row["CurrencyRate"].decimal == rate
    }

    // MARK: Steps

    private func remove(_ work: Replacing) -> Exchange<PostOutcome> {
        guard let id = work.old.first else { return write(work) }
        // The write that follows is paid for here: a budget that ends between the two would leave the money nowhere.
        let cost = work.beforeWrite ? Budget.one.mapValues { $0 * 2 } : Budget.one
        let path = "\(work.endpoint.rawValue)/\(id)"
        return .send(Self.write(.post, path, [], key: "\(work.attempt)-delete", ["Status": "DELETED"], cost: cost)) { answer in
            switch Self.deleted(answer, work.endpoint, work.document.key, id: id) {
            case .posted(_, let version):
                var next = work
                next.old = []
                next.version = version
                return self.write(next, paid: work.beforeWrite)
            case let other: return .finish(other)
            }
        }
    }

    private func write(_ work: Replacing, paid: Bool = false) -> Exchange<PostOutcome> {
        if let kept = work.kept { return .finish(.posted(remoteID: kept.id, version: kept.version)) }
        guard let body = work.body else { return .finish(.posted(remoteID: work.id, version: work.version)) }
        let call = Self.put(
            work.endpoint, key: work.attempt, .object([(work.endpoint.rawValue, .array([body]))]), cost: paid ? [:] : Budget.one)
        return .send(call) { answer in
            let outcomes = Self.outcomes(answer, work.endpoint, [work.document.key])
            guard case .rejected(var fault)? = outcomes.first else {
                return .finish(outcomes.first ?? .unknown(Self.lost("it leaves out the payment")))
            }
            fault.summary += "; the payment that it was to replace is deleted"
            return .finish(.rejected(fault))
        }
    }

    private static func deleted(_ answer: HTTPResponse, _ endpoint: Endpoint, _ key: PostKey, id: String) -> PostOutcome {
        let outcome = outcome(answer, endpoint, key, id: id)
        guard case .posted = outcome else { return outcome }
        do throws(Fault) {
            let elements = try JSONDocument(parsing: answer.body).root[endpoint.rawValue].elements
            let status = elements.first { $0[endpoint.idField].string?.lowercased() == id.lowercased() }?[
                "Status"]
            return status?.string == "DELETED" ? outcome : .unknown(lost("it does not show the payment deleted"))
        } catch {
            return .unknown(lost("it can't be read"))
        }
    }

    private static func version(of row: JSONView) -> String? { row["UpdatedDateUTC"].string.map { String($0.prefix(64)) } }
}
