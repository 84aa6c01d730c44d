import Books
import Checks
import Kernel
import Mapping
import Testing
import Wire

@testable import Sandbox

/// The product's pure part for both businesses: documents in, plans and holds out. Documents pass through the form in
/// which the store keeps them.
struct Office {
    let businesses: [String: ClientBusiness]
    private(set) var cases: [String: [String: OrderCase]] = [:]
    /// What the ledgers have, by shop and order.
    private(set) var posted: [String: [String: [PlannedPosting.Reference: PostedState]]] = [:]
    /// Kinds and ids of everything taken in, by shop.
    private(set) var known: [String: Set<String>] = [:]

    init(_ businesses: [String: ClientBusiness]) { self.businesses = businesses }

    mutating func take(_ documents: [SourceDocument], _ business: ClientBusiness) throws {
        let mapper = business.mapper()
        for document in documents {
            let kind = DocumentCodec.kind(of: document).kind
            let stored = try DocumentCodec.decode(
                kind: kind, id: document.id, caseID: document.caseID, version: document.version, at: document.at,
                body: DocumentCodec.encode(document.body).bytes)
            #expect(stored == document)
            known[business.shop, default: []].insert("\(kind) \(document.id)")
            let classified = mapper.classify(stored, on: business.organisation.zone.date(of: stored.at))
            cases[business.shop, default: [:]][document.caseID, default: OrderCase(id: document.caseID)].merge(
                classified)
        }
    }

    private static let lockDate = LocalDate("2026-10-31")

    private func ledger(_ business: ClientBusiness, _ order: String) -> LedgerState {
        LedgerState(
            lockDate: Self.lockDate, posted: posted[business.shop]?[order] ?? [:],
            forbidsRevision: business.forbidsRevision)
    }

    func plan(_ order: OrderCase, _ business: ClientBusiness, _ mapper: Mapper) -> [PlannedPosting] {
        let last = order.documents.last.map { business.organisation.zone.date(of: $0.at) }
        let reasons = mapper.reasons(on: last ?? LocalDate(daysSince1970: 0))
        return Planner.plan(
            order, organisation: business.organisation, policies: business.policies, ledger: ledger(business, order.id),
            codes: CodeBook(known: reasons.known, rules: reasons.rules))
    }

    /// Every plan of the shop, nothing posted yet; in order of the orders.
    func plans(_ shop: String) throws -> [PlannedPosting] {
        let business = try #require(businesses[shop])
        let mapper = business.mapper()
        return (cases[shop] ?? [:]).sorted { $0.key < $1.key }.flatMap { plan($0.value, business, mapper) }
    }

    /// Plans, checks and posts everything that is not held, as a worker does; returns what is held now.
    mutating func post(gardenActive: Bool) throws -> [(ledger: String, plan: PlannedPosting, checks: [String])] {
        var out: [(ledger: String, plan: PlannedPosting, checks: [String])] = []
        for (shop, business) in businesses {
            let mapper = business.mapper(gardenActive: gardenActive)
            for (id, order) in cases[shop] ?? [:] {
                let state = ledger(business, id)
                let plans = plan(order, business, mapper)
                let context = CheckContext(
                    organisation: business.organisation, policies: business.policies, ledger: state,
                    currencies: business.currencies, account: { mapper.account(for: $0, of: $1) })
                let held = Checks.run(plans, in: context)
                for plan in plans {
                    if let findings = held[plan.id] {
                        out.append((business.isAmerican ? "qbo" : "xero", plan, findings.map(\.check)))
                        continue
                    }
                    bound(plan, mapper)
                    try carryOut(plan, state, shop)
                }
            }
        }
        return out
    }

    /// Every line has an account of the ledger, and every tax code on a line a code of the ledger where it has some.
    private func bound(_ plan: PlannedPosting, _ mapper: Mapper) {
        for line in plan.lines {
            #expect(mapper.account(for: line, of: plan)?.known == true, "\(line.role)")
            guard line.taxCode != nil, line.part != .tax, !mapper.structure.taxCodes.isEmpty else { continue }
            #expect(mapper.taxCode(for: line, of: plan) != nil, "\(line.taxCode ?? "")")
        }
    }

    private mutating func carryOut(_ plan: PlannedPosting, _ state: LedgerState, _ shop: String) throws {
        let stored = try PlanCodec.decode(PlanCodec.encode(plan).bytes)
        #expect(stored == plan)
        let new: PostedState?
        switch state.action(for: plan) {
        case .create: new = PostedState(plan: plan, revision: 1, voided: false)
        case .revise(let n): new = PostedState(plan: plan, revision: n, voided: false)
        case .void(let n): new = PostedState(plan: plan, revision: n, voided: true)
        case .unchanged, .nothing: new = nil
        }
        if let new { posted[shop, default: [:]][plan.caseID, default: [:]][plan.id] = new }
    }

    /// What is live in the books of a shop.
    func live(_ shop: String) -> [PlannedPosting] {
        (posted[shop] ?? [:]).values.flatMap(\.values).filter { !$0.voided }.map(\.plan)
    }
}

extension PlannedPosting {
    /// The source reference by which the judge knows a document. Written apart from the pipeline's own, from the rule:
    /// money by its transaction, credit notes by their refund, all that an edit made by the edit's number.
    var judgedReference: String {
        if form == .payment { return "transaction \(subject)" }
        if form == .refundPayment {
            let tender = lines.first { $0.role.family != "receivable" }
            let origin = tender?.derivedFrom.first ?? subject
            return "transaction \(origin.split(separator: "/").last ?? "")"
        }
        let halves = subject.split(separator: "/")
        if halves.count == 2, let number = halves[1].split(separator: "-").last {
            return "order \(halves[0]) edit \(number)"
        }
        return form == .creditNote ? "refund \(subject)" : "order \(subject)"
    }

    /// The document as the judge would sum it up.
    func entry(_ business: ClientBusiness, effect: ExpectedEntry.Effect, check: String?) -> ExpectedEntry {
        let mapper = business.mapper()
        var sums: [String: Int64] = [:]
        for line in lines {
            sums[mapper.account(for: line, of: self)?.code ?? "\(line.role)", default: 0] += line.amount.minor
        }
        return ExpectedEntry(
            ledger: business.isAmerican ? "qbo" : "xero", ref: judgedReference, kind: form.rawValue, date: date,
            currency: currency.code,
            lines: sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map {
                ExpectedEntry.Line(account: $0.key, minor: $0.value)
            },
            effect: effect, check: check)
    }
}
