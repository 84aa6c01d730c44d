/// The types, property by property. Lengths are those of the database's columns.
/// - Source: as at `B1Schema`; lengths from SAP's public table reference (OINV, INV1, OCRD, OITM, ORCT, OJDT, JDT1).
enum B1SchemaText {
    static let types: [(name: String, text: String)] = [
        ("Document", document), ("DocumentLine", line), ("LineTaxJurisdiction", jurisdiction), ("DocumentAdditionalExpense", expense),
        ("Payment", payment), ("PaymentInvoice", applied), ("PaymentCreditCard", card), ("PaymentAccount", paidAccount),
        ("JournalEntry", journal), ("JournalEntryLine", journalLine), ("BusinessPartner", partner), ("BPAddress", address),
        ("ContactEmployee", contact), ("Item", item), ("ItemPrice", "PriceList:i Price:d Currency:s3"),
        ("ItemWarehouseInfo", "WarehouseCode:s8 InStock:d* Committed:d* Ordered:d* StandardAveragePrice:d*"),
        ("ChartOfAccount", account), ("VatGroup", vat), ("VatGroups_Line", "Effectivefrom:D Rate:d EqualizationTax:d DatevCode:i"),
        ("SalesTaxCode", salesTax), ("SalesTaxCodes_Line", "STCCode:s8 STAType:i STACode:s8 RowNumber:i EffectiveRate:d"),
        ("PaymentTermsType", terms), ("Currency", currency), ("Warehouse", "WarehouseCode:s8 WarehouseName:s100 Inactive:y Street:s100 City:s100 Country:s3"),
        ("ProfitCenter", "CenterCode:s8 CenterName:s30 GroupCode:s8 InWhichDimension:i EffectiveFrom:D EffectiveTo:D Active:y"),
        ("DistributionRule", "FactorCode:s8 FactorDescription:s30 TotalFactor:d Direct:s1 InWhichDimension:i Active:y IsFixedAmount:y"),
        ("Project", "Code:s20 Name:s100 ValidFrom:D ValidTo:D Active:y"),
        ("BusinessPlace", "BPLID:i* BPLName:s100 VATRegNum:s32 MainBPL:y Disabled:y DefaultWarehouseID:s8"),
        ("BusinessPartnerGroup", "Code:i* Name:s20 Type:=BoBusinessPartnerGroupTypes"),
        ("AdditionalExpense", freight), ("CreditCard", "CreditCardCode:i* CreditCardName:s30 GLAccount:s15 Telephone:s20 CompanyID:s32 CountryCode:s3"),
        ("UserFieldMD", userField),
    ]

    private static let document = """
        DocEntry:i* DocNum:i DocType:=BoDocumentTypes HandWritten:y Printed:s* DocDate:D DocDueDate:D CardCode:s15 CardName:s100 Address:s254 NumAtCard:s100
        DocTotal:d AttachmentEntry:i DocCurrency:s3 DocRate:d Reference1:s11 Reference2:s11 Comments:s254 JournalMemo:s254 PaymentGroupCode:i DocTime:t*
        SalesPersonCode:i TransportationCode:i Confirmed:y ContactPersonCode:i Series:i TaxDate:D PartialSupply:y DocObjectCode:s20 ShipToCode:s50
        Indicator:s2 FederalTaxID:s32 DiscountPercent:d PaymentReference:s27 CreationDate:D* UpdateDate:D* FinancialPeriod:i* UserSign:i* TransNum:i*
        VatSum:d* VatSumSys:d* VatSumFc:d* DocTotalFc:d DocTotalSys:d* CancelDate:D PaymentMethod:s15 Project:s20 Rounding:y DocumentsOwner:i
        Address2:s254 DocumentStatus:=BoStatus* PeriodIndicator:s10* PayToCode:s50 ManualNumber:s20 BPL_IDAssignedToInvoice:i LanguageCode:i
        TrackingNumber:s30 ClosingDate:D* TotalDiscount:d VatPercent:d OpeningRemarks:s0 ClosingRemarks:s0 RoundingDiffAmount:d RoundingDiffAmountFC:d
        Cancelled:y* ControlAccount:s15 AuthorizationStatus:=DocumentAuthorizationStatusEnum* TotalDiscountFC:d BPLName:s100* VATRegNum:s32
        CancelStatus:=CancelStatusEnum UpdateTime:t* PriceMode:=PriceModeDocumentEnum OriginalRefNo:s100 OriginalRefDate:D PaidToDate:d* PaidToDateFC:d*
        PaidToDateSys:d* DataVersion:i* DocumentLines:+DocumentLine DocumentAdditionalExpenses:+DocumentAdditionalExpense
        """

    private static let line = """
        LineNum:i ItemCode:s50 ItemDescription:s200 Quantity:d ShipDate:D Price:d PriceAfterVAT:d Currency:s3 Rate:d DiscountPercent:d VendorNum:s50
        SerialNum:s17 WarehouseCode:s8 SalesPersonCode:i AccountCode:s15 SupplierCatNum:s50 CostingCode:s8 ProjectCode:s20 BarCode:s254 VatGroup:s8
        BaseType:i BaseEntry:i BaseLine:i TaxCode:s8 TaxLiable:y FreeText:s100 NetTaxAmount:d NetTaxAmountFC:d MeasureUnit:s100 LineTotal:d
        TaxPercentagePerRow:d TaxTotal:d RowTotalFC:d RowTotalSC:d* VisualOrder:i* UnitPrice:d LineStatus:=BoStatus* PackageQuantity:d
        LineType:=BoDocLineType COGSCostingCode:s8 COGSAccountCode:s15 CostingCode2:s8 CostingCode3:s8 CostingCode4:s8 CostingCode5:s8 ItemDetails:s0
        RemainingOpenQuantity:d* OpenAmount:d* RequiredDate:D WithoutInventoryMovement:y DocEntry:i* FederalTaxID:s32 UoMEntry:i UoMCode:s20
        InventoryQuantity:d ItemType:s GrossPrice:d GrossTotal:d GrossTotalFC:d LocationCode:i LineTaxJurisdictions:+LineTaxJurisdiction
        """

    private static let jurisdiction = """
        JurisdictionCode:s8 JurisdictionType:i TaxAmount:d TaxAmountSC:d TaxAmountFC:d TaxRate:d DocEntry:i* LineNumber:i RowSequence:i
        ExternalCalcTaxRate:d ExternalCalcTaxAmount:d ExternalCalcTaxAmountFC:d ExternalCalcTaxAmountSC:d
        """

    private static let expense = """
        ExpenseCode:i LineTotal:d LineTotalFC:d Remarks:s100 TaxLiable:y VatGroup:s8 TaxPercent:d TaxSum:d TaxSumFC:d TaxCode:s8 BaseDocEntry:i BaseDocLine:i
        BaseDocType:i LineNum:i Status:=BoStatus* DistributionRule:s8 Project:s20 LineGross:d
        """

    private static let payment = """
        DocNum:i DocType:=BoRcptTypes HandWritten:y Printed:y DocDate:D CardCode:s15 CardName:s100 Address:s254 CashAccount:s15 DocCurrency:s3 CashSum:d
        CheckAccount:s15 TransferAccount:s15 TransferSum:d TransferDate:D TransferReference:s27 LocalCurrency:y DocRate:d Reference1:s11 Reference2:s11
        CounterReference:s11 Remarks:s254 JournalRemarks:s254 ContactPersonCode:i TaxDate:D Series:i BankCode:s30 BankAccount:s50 ProjectCode:s20
        CashSumFC:d* CashSumSys:d* DocEntry:i* BankChargeAmount:d UnderOverpaymentdifference:d VatDate:D TransferRealAmount:d
        DocObjectCode:=BoPaymentsObjectType DocTypte:=BoRcptTypes* DueDate:D Cancelled:y* CancelStatus:=CancelStatusEnum* ControlAccount:s15
        BPLID:i BPLName:s100* AttachmentEntry:i AuthorizationStatus:=PaymentsAuthorizationStatusEnum* PaymentInvoices:+PaymentInvoice PaymentCreditCards:+PaymentCreditCard PaymentAccounts:+PaymentAccount
        """

    private static let applied = """
        LineNum:i DocEntry:i DocNum:i* SumApplied:d AppliedFC:d AppliedSys:d* DocRate:d DocLine:i InvoiceType:=BoRcptInvTypes DiscountPercent:d PaidSum:d
        InstallmentId:i LinkDate:D DistributionRule:s8 TotalDiscount:d TotalDiscountFC:d
        """

    private static let card = """
        LineNum:i CreditCard:i CreditAcct:s15 CreditCardNumber:s20 CardValidUntil:D VoucherNum:s20 OwnerIdNum:s15 OwnerPhone:s20 PaymentMethodCode:i
        NumOfPayments:i FirstPaymentDue:D FirstPaymentSum:d AdditionalPaymentSum:d CreditSum:d CreditCur:s3 ConfirmationNum:s20 NumOfCreditPayments:i
        """

    private static let paidAccount = "LineNum:i AccountCode:s15 SumPaid:d SumPaidFC:d Decription:s254 VatGroup:s8 AccountName:s100 GrossAmount:d ProfitCenter:s8 ProjectCode:s20"

    private static let journal = """
        ReferenceDate:D Memo:s254 Reference:s100 Reference2:s100 TransactionCode:s4 ProjectCode:s20 TaxDate:D JdtNum:i* Indicator:s2 UseAutoStorno:y
        StornoDate:D VatDate:D Series:i StampTax:y DueDate:D AutoVAT:y Number:i* OriginalJournal:=TransTypesEnum* Original:i* BaseReference:s11*
        BlockDunningLetter:y Reference3:s100 AttachmentEntry:i JournalEntryLines:+JournalEntryLine
        """

    private static let journalLine = """
        Line_ID:i AccountCode:s15 Debit:d Credit:d FCDebit:d FCCredit:d FCCurrency:s3 DueDate:D ShortName:s15 ContraAccount:s15 LineMemo:s254
        ReferenceDate1:D ReferenceDate2:D Reference1:s100 Reference2:s100 ProjectCode:s20 CostingCode:s8 TaxDate:D BaseSum:d TaxGroup:s8 DebitSys:d* CreditSys:d*
        VatLine:y CostingCode2:s8 CostingCode3:s8 CostingCode4:s8 TaxCode:s8 CostingCode5:s8 ControlAccount:s15 AdditionalReference:s100 BPLID:i BPLName:s100*
        """

    private static let partner = """
        CardCode:s15 CardName:s100 CardType:=BoCardTypes GroupCode:i Address:s100 ZipCode:s20 MailAddress:s100 MailZipCode:s20 Phone1:s20 Phone2:s20 Fax:s20
        ContactPerson:s90 Notes:s100 PayTermsGrpCode:i CreditLimit:d DiscountPercent:d VatLiable:s FederalTaxID:s32 PriceListNum:i FreeText:s0
        SalesPersonCode:i Currency:s3 Cellular:s50 City:s100 County:s100 Country:s3 MailCity:s100 MailCounty:s100 MailCountry:s3 EmailAddress:s100
        CardForeignName:s100 VatGroup:s8 DebitorAccount:s15 Valid:y ValidFrom:D ValidTo:D Frozen:y FrozenFrom:D FrozenTo:D BillToState:s3 ShipToState:s3
        AdditionalID:s64 AliasName:s0 Website:s100 CompanyPrivate:s1 Series:i CreateDate:D* CreateTime:t* UpdateDate:D* UpdateTime:t* DataVersion:i*
        BPAddresses:+BPAddress ContactEmployees:+ContactEmployee
        """

    private static let address = """
        AddressName:s50 Street:s100 Block:s100 ZipCode:s20 City:s100 County:s100 Country:s3 State:s3 FederalTaxID:s32 TaxCode:s8 BuildingFloorRoom:s0
        AddressType:=BoAddressType AddressName2:s50 AddressName3:s50 StreetNo:s100 BPCode:s15* RowNum:i
        """

    private static let contact = "CardCode:s15* Name:s50 Position:s90 Address:s100 Phone1:s20 Phone2:s20 MobilePhone:s50 E_Mail:s100 InternalCode:i* FirstName:s50 LastName:s50 Active:y"

    private static let item = """
        ItemCode:s50 ItemName:s200 ForeignName:s200 ItemsGroupCode:i SalesVATGroup:s8 BarCode:s254 VatLiable:y PurchaseItem:y SalesItem:y InventoryItem:y
        IncomeAccount:s15 ExpanseAccount:s15 User_Text:s0 QuantityOnStock:d* QuantityOrderedFromVendors:d* QuantityOrderedByCustomers:d* Valid:y ValidFrom:D
        ValidTo:D Frozen:y FrozenFrom:D FrozenTo:D SalesUnit:s100 ItemType:=ItemTypeEnum PurchaseVATGroup:s8 AvgStdPrice:d MovingAveragePrice:d*
        CreateDate:D* CreateTime:t* UpdateDate:D* UpdateTime:t* DataVersion:i* ItemPrices:+ItemPrice ItemWarehouseInfoCollection:+ItemWarehouseInfo
        """

    private static let account = """
        Code:s15 Name:s100 Balance:d* CashAccount:y ActiveAccount:y AccountLevel:i FatherAccountKey:s15 ExternalCode:s15 AccountType:=BoAccountTypes
        AcctCurrency:s3 ForeignName:s100 Details:s254 ProjectCode:s20 LockManualTransaction:y FormatCode:s210 DefaultVatGroup:s8 ValidFor:y ValidFrom:D ValidTo:D
        FrozenFor:y FrozenFrom:D FrozenTo:D
        """

    private static let vat = "Code:s8 Name:s100 Category:=BoVatCategoryEnum TaxAccount:s15 EU:y AcquisitionReverse:y NonDeduct:d Inactive:y VatGroups_Lines:+VatGroups_Line"
    private static let salesTax = "ValidForAR:y ValidForAP:y UserSignature:i* Rate:d Name:s100 Freight:y Code:s8 IsItemLevel:y Inactive:y SalesTaxCodes_Lines:+SalesTaxCodes_Line"
    private static let terms = """
        GroupNumber:i* PaymentTermsGroupName:s100 StartFrom:=BoPayTermDueTypes NumberOfAdditionalMonths:i NumberOfAdditionalDays:i CreditLimit:d GeneralDiscount:d
        InterestOnArrears:d PriceListNo:i
        """
    private static let currency = "Code:s3 Name:s20 DocumentsCode:s3 InternationalDescription:s20 EnglishName:s20 Decimals:s Rounding:s RoundingInPayment:y"
    private static let freight = "Name:s20 RevenuesAccount:s15 ExpenseAccount:s15 TaxLiable:y OutputVATGroup:s8 InputVATGroup:s8 ExpensCode:i* DataVersion:i*"
    private static let userField = """
        Name:s20 Type:=BoFieldTypes Size:i Description:s80 SubType:=BoFldSubTypes LinkedTable:s20 DefaultValue:s254 TableName:s20 FieldID:i* EditSize:i Mandatory:y
        """
}
