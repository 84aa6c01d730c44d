public import ConnectorKit
internal import Odoo
internal import QuickBooksOnline
internal import SapBusinessOne
internal import Shopify
internal import Stripe
internal import Xero

/// Every connector there is, in the order of their ids.
public enum Catalog {
    private static let all: [any Connector] = [
        OdooConnector(),
        QuickBooksOnlineConnector(),
        SapBusinessOneConnector(),
        ShopifyConnector(),
        StripeConnector(),
        XeroConnector(),
    ]

    public static let connectors: [any Connector] = all.sorted { $0.spec.id < $1.spec.id }

    public static let byID: [String: any Connector] = Dictionary(uniqueKeysWithValues: connectors.map { ($0.spec.id, $0) })
}
