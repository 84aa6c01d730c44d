/// What a source may tell beside what was sold: what a trigger can wait for.
public enum SourceFact: String, Sendable, CaseIterable {
    /// Drafts, apart from what was sent.
    case drafts
    /// Money received and given back.
    case payments
    /// Goods that left.
    case fulfilments
    /// Goods that came back.
    case returns
    /// Tills that were counted.
    case closures

    /// In words, after "tells".
    public var words: String {
        switch self {
        case .drafts: "which invoices are drafts"
        case .payments: "when money was received or given back"
        case .fulfilments: "when goods have left"
        case .returns: "when goods have come back"
        case .closures: "when a till is closed"
        }
    }
}

extension Policies {
    /// Policies that wait for something which not every source tells: a flow whose sources don't would wait for ever.
    public var needs: [(policy: String, fact: SourceFact)] {
        var out: [(policy: String, fact: SourceFact)] = []
        switch saleTrigger {
        case .created: break
        case .finalised: out.append(("triggers.sale", .drafts))
        case .paid: out.append(("triggers.sale", .payments))
        case .fulfilled: out += [("triggers.sale", .fulfilments), ("triggers.sale", .payments)]
        }
        switch refundTrigger {
        case .created: break
        case .paid: out.append(("triggers.refund", .payments))
        case .returned: out.append(("triggers.refund", .returns))
        }
        if summaryTrigger == .dayClosed { out.append(("triggers.summary", .closures)) }
        if revenue == .atFulfilment { out.append(("revenue", .fulfilments)) }
        return out
    }
}
